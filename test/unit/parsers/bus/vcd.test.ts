import assert from 'node:assert/strict';
import fc from 'fast-check';
import { VcdReader } from '../../../../parsers/bus/vcd.ts';
import type { SignalNames } from '../../../../src/base/samples.ts';
import { readAll } from './record.ts';

const CONTROL = ['BSY', 'SEL', 'CD', 'IO', 'MSG', 'REQ', 'ACK', 'ATN', 'RST'];
/** Identifier codes of the nine control lines, in that order. */
const IDS = ')-*(&^%+$';
const HEAD = '$date\n01-02-2024\0\0\0\n$end\n$timescale 1 ns $end\n$scope module logic $end\n';
const TAIL = '$upscope $end\n$enddefinitions $end\n';
const ZEROS = [...IDS].map((id) => `0${id}\n`).join('');

function declared(names: readonly string[] = CONTROL, more = '$var wire 8 # data $end\n'): string {
  return `${HEAD}${names.map((name, n) => `$var wire 1 ${IDS[n]} ${name} $end\n`).join('')}${more}${TAIL}`;
}

const GENERIC = declared();
const SCSIMON = declared(CONTROL, '$var wire 8 # data $end\n$var string 1 = phase $end\n');

function read(text: string, names: SignalNames = {}, cuts: readonly number[] = []) {
  const reader = new VcdReader(names);
  const record = readAll(reader, Buffer.from(text, 'latin1'), cuts);
  return { ...record, fault: reader.fault };
}

describe('A4 VCD: declarations (IEEE 1364 section 18.2)', () => {
  it('tells what is sampled: width, parity, and that a polling loop is not timed', () => {
    assert.deepEqual(read(GENERIC).facts, [{ width: 8, parity: false, timed: true }]);
    assert.deepEqual(read(SCSIMON).facts, [{ width: 8, parity: false, timed: false }]);
    const wide = '$var wire 16 # -DB [15:0] $end\n$var reg 1 a -DBP0 $end\n$var reg 1 b -DBP1 $end\n';
    assert.deepEqual(read(declared(CONTROL, wide)).facts, [{ width: 16, parity: true, timed: true }]);
  });

  it('is not timed without a time scale', () => {
    const { facts, notices } = read(GENERIC.replace('$timescale 1 ns $end\n', ''));
    assert.equal(facts[0].timed, false);
    assert.match(notices.join(), /timescale/);
  });

  for (const [unit, first, second] of [
    ['1 ns', 7, 12],
    ['1ns', 7, 12],
    ['10 ns', 70, 120],
    ['1 us', 7000, 12000],
    ['100 ps', 0, 1],
    ['100fs', 0, 0],
  ] as const) {
    it(`counts times of ${unit} in whole nanoseconds`, () => {
      const text = `${GENERIC.replace('1 ns', unit)}#7\n${ZEROS}b0 #\n#12\n1)\n#13\n`;
      const { events } = read(text);
      assert.deepEqual(events.slice(0, 2), [`${first} 0 0 0`, `${second} 1 0 0`]);
    });
  }

  it('names the signals that are missing, those that are there, and the mend', () => {
    const { fault, facts } = read(declared(['BSY', 'SEL', 'CD', 'IO', 'MSG', 'clk']));
    assert.match(fault?.reason ?? '', /no signal is REQ, ACK; it has BSY, SEL, CD, IO, MSG, clk, data/);
    assert.match(fault?.mend ?? '', /source\.signals/);
    assert.deepEqual(facts, []);
  });

  it('names single lines of the data bus that are missing', () => {
    const data = [0, 1, 2, 4, 5, 6, 7].map((n) => `$var wire 1 ${n} D${n} $end\n`).join('');
    assert.match(read(declared(CONTROL, data)).fault?.reason ?? '', /no signal is DB\(3\)/);
  });

  it('does without ATN and RST, as a probe of sixteen channels has to, and says so', () => {
    const { facts, notices, events } = read(`${declared(CONTROL.slice(0, 7))}#1\n${ZEROS.slice(0, 21)}b0 #\n#2\n`);
    assert.equal(facts.length, 1);
    assert.match(notices.join(), /no ATN and no RST/);
    assert.equal(events[0], '1 0 0 0');
  });

  it('refuses to guess between two signals of one name, unless they are one', () => {
    const twice = '$var wire 8 # data $end\n$var wire 1 ? nBSY $end\n';
    assert.match(read(declared(CONTROL, twice)).fault?.reason ?? '', /BSY may be logic\.BSY or logic\.nBSY/);
    const alias = '$var wire 8 # data $end\n$var wire 1 ) bsy $end\n';
    assert.equal(read(declared(CONTROL, alias)).fault, undefined);
  });

  it('takes signals by configured names, with scopes where they are told, and usual ones for the others', () => {
    const head = declared(
      ['p1', 'SEL', 'CD', 'IO', 'MSG', 'REQ', 'ACK', 'ATN', 'RST'],
      '$var wire 8 # bits [7:0] $end\n',
    );
    const names = { BSY: { name: 'logic.p1', active: 'low' }, DB: { name: 'bits', active: 'low' } } as const;
    assert.deepEqual(read(`${head}#1\n${ZEROS}b101 #\n#2\n`, names).events[0], '1 1 fa 0');
    assert.match(read(head, { BSY: { name: 'p2', active: 'low' } }).fault?.reason ?? '', /no signal is BSY, DB/);
  });

  it('takes data lines one by one, from DB(0) on', () => {
    const data = [...'abcdefgh'].map((id, n) => `$var wire 1 ${id} x${n} $end\n`).join('');
    const names = { DB: { name: [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `x${7 - n}`), active: 'high' } } as const;
    const zeros = [...'abcdefg'].map((id) => `0${id}\n`).join('');
    assert.equal(read(`${declared(CONTROL, data)}#1\n${ZEROS}${zeros}1h\n#2\n`, names).events[0], '1 0 1 0');
  });

  it('reads a vector that is declared from bit 0 on, and one that is split', () => {
    const reversed = declared(CONTROL, '$var wire 8 # DB [0:7] $end\n');
    assert.equal(read(`${reversed}#1\n${ZEROS}b11010000 #\n#2\n`).events[0], '1 0 b 0');
    const split = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `$var wire 1 ${n} DB [${n}] $end\n`).join('');
    const values = [1, 0, 0, 0, 0, 0, 0, 1].map((value, n) => `${value}${n}\n`).join('');
    assert.equal(read(`${declared(CONTROL, split)}#1\n${ZEROS}${values}#2\n`).events[0], '1 0 81 0');
  });

  for (const [what, text] of [
    ['a capture', '\xd4\xc3\xb2\xa1\x02\x00 and more'],
    ['words', 'once upon a time\n'],
    ['declarations that do not end', HEAD],
    ['an odd time scale', '$timescale 3 parsecs $end\n'],
    ['a variable without a name', `${HEAD}$var wire 1 ) $end\n`],
  ]) {
    it(`refuses ${what}`, () => assert.notEqual(read(text).fault, undefined));
  }
});

describe('A4 VCD: changes (IEEE 1364 section 18.2.3)', () => {
  const start = `#0\n$dumpvars\n${ZEROS}b0 #\n$end\n`;
  const events = (text: string) => read(GENERIC + text).events;

  it('holds all changes of a time at once', () => {
    assert.deepEqual(events(`${start}#5\n1)\nb11 #\n#5\n1-\n#9\n`), ['0 0 0 0', '5 11 3 0', '9 11 3 0']);
  });

  it('takes every # line of scsimon as one sample, also when its time does not grow', () => {
    const text = `${SCSIMON}$dumpvars\n${ZEROS}b00000000 #\n$end\n#0\nsbusfree =\n#0\n1)\nb10000000 #\nsdataout =\n#0\n1-\n#0\n`;
    assert.deepEqual(read(text).events, ['0 0 0 0', '0 1 80 0', '0 11 80 0']);
  });

  it('does not take the values before the first time for a sample', () => {
    const text = `${SCSIMON}$dumpvars\n${ZEROS}b0 #\n$end\n#574\n1)\n1^\n1%\nb11111111 #\nsdataout =\n#718\n0^\n#720\n`;
    assert.deepEqual(read(text).events, ['574 1100001 ff 0', '718 1000001 ff 0', '720 1000001 ff 0']);
  });

  it('passes over samples in which no line of the bus moved', () => {
    const text = `${SCSIMON}#1\n${ZEROS}b0 #\nsbusfree =\n#2\nsother state =\n#3\n#4\n1)\n#5\n`;
    assert.deepEqual(read(text).events, ['1 0 0 0', '4 1 0 0', '5 1 0 0']);
  });

  it('reads several changes on a line, as sigrok writes them', () => {
    const line = [...IDS].map((id) => `0${id}`).join(' ');
    assert.deepEqual(events(`#0 ${line} b0 #\n#3 1) 1-\n#4 b101 # 0)\n#8`), [
      '0 0 0 0',
      '3 11 0 0',
      '4 10 5 0',
      '8 10 5 0',
    ]);
  });

  it('extends vectors: zeros where blanks or nothing stand', () => {
    assert.deepEqual(events(`${start}#1\nb     101 #\n#2\nb1 #\n#3\nb11111111 #\n#4\n`), [
      '0 0 0 0',
      '1 0 5 0',
      '2 0 1 0',
      '3 0 ff 0',
      '4 0 ff 0',
    ]);
  });

  it('inverts what is active low', () => {
    const low = declared(
      CONTROL.map((name) => `n${name}`),
      '$var wire 8 # nDB [7:0] $end\n$var wire 1 p nDBP $end\n',
    );
    const ones = [...IDS].map((id) => `1${id}\n`).join('');
    const { events, facts } = read(`${low}#0\n${ones}b11111111 #\n1p\n#4\n0)\nb1111110 #\n0p\n#5\n`);
    assert.deepEqual(facts, [{ width: 8, parity: true, timed: true }]);
    assert.deepEqual(events, ['0 0 0 0', '4 1 81 1', '5 1 81 1']);
  });

  it('takes a released line for a negated one, whatever its polarity', () => {
    const low = declared(['nBSY', ...CONTROL.slice(1)]);
    assert.deepEqual(read(`${low}#0\n${ZEROS}b1z #\n#2\nz)\n#3\n`).events, ['0 1 2 0', '2 0 2 0', '3 0 2 0']);
  });

  it('makes a hole of $dumpoff up to the time at which all values are known again', () => {
    const xs = [...IDS].map((id) => `x${id}\n`).join('');
    const text = `${start}#5\n1)\n#9\n$dumpoff\n${xs}bx #\n$end\n#20\n$dumpon\n${ZEROS}b1 #\n$end\n#30\n1-\n#31\n`;
    assert.deepEqual(events(text), [
      '0 0 0 0',
      '5 1 0 0',
      'hole 9-20 a span that was not recorded ($dumpoff)',
      '20 0 1 0',
      '30 10 1 0',
      '31 10 1 0',
    ]);
  });

  it('makes a hole while any line is unknown, and one up to the end', () => {
    assert.deepEqual(events(`${start}#5\nx^\n#9\n1)\n#12\n0^\n#15\nbx1 #\n#18\n`), [
      '0 0 0 0',
      'hole 5-12 a value that is not known (x)',
      '12 1 0 0',
      'hole 15-18 a value that is not known (x)',
    ]);
  });

  it('knows nothing before every line has its first value', () => {
    assert.deepEqual(events(`#3\n${ZEROS}#8\nb0 #\n#9\n`), [
      'hole 3-8 lines without a first value',
      '8 0 0 0',
      '9 0 0 0',
    ]);
  });

  for (const [what, damage] of [
    ['an odd token', 'q)'],
    ['a code that was not declared', '1!'],
    ['two lines run together', '1)x0-'],
    ['a time that is none', '#1a3'],
    ['a keyword that is none', '$dmpvars'],
    ['a vector of too many digits', 'b000000011 #'],
    ['a vector without a code', 'b01'],
    ['a lone value', '1'],
    ['a string of no variable', 'sword )'],
  ]) {
    it(`makes a hole of ${what} until the lines are told anew`, () => {
      const anew = [...IDS.slice(0, 7)].map((id) => `1${id}\n`).join('');
      const found = events(`${start}#5\n1)\n#7\n${damage}\n#9\n1-\n#11\n${anew}b11 #\n#12\n`);
      assert.deepEqual(found, [
        '0 0 0 0',
        '5 1 0 0',
        'hole 7-11 a place of the trace that cannot be read',
        '11 1111111 3 0',
        '12 1111111 3 0',
      ]);
    });
  }

  it('makes a long hole of a time that runs back, and goes on from there', () => {
    const anew = [...IDS.slice(0, 7)].map((id) => `0${id}\n`).join('');
    assert.deepEqual(events(`${start}#50\n1)\n#20\n${anew}b0 #\n#30\n1-\n#31\n`), [
      '0 0 0 0',
      '50 1 0 0',
      'hole 50-1000000050 a time that runs back',
      '1000000050 0 0 0',
      '1000000060 10 0 0',
      '1000000061 10 0 0',
    ]);
  });

  it('stops where a second trace begins', () => {
    const { fault, events } = read(`${GENERIC}${start}#5\n1)\n#6\n${SCSIMON}#0\n`);
    assert.match(fault?.reason ?? '', /a second trace begins/);
    assert.equal(events.at(-1), '6 1 0 0');
  });

  it('stops at a time that no number can hold', () => {
    assert.match(read(`${GENERIC}${start}#99999999999999999999\n1)\n`).fault?.reason ?? '', /2\^53/);
  });

  it('passes over comments and variables that are not the bus', () => {
    const more =
      '$var wire 8 # data $end\n$var wire 32 !! counter $end\n$var real 64 !" volts $end\n$var wire 1 abc clk $end\n';
    const text = `${declared(CONTROL, more)}${start}#5\n$comment 1) #3 $endless $end\nb1x0 !!\nr1.5e3 !"\n1abc\n#7\n1)\n#8\n`;
    assert.deepEqual(read(text).events, ['0 0 0 0', '7 1 0 0', '8 1 0 0']);
  });

  it('tells codes of eight characters apart', () => {
    const head = GENERIC.replace('1 ) BSY', '1 ~~~~~~~~ BSY').replace('1 - SEL', '1 ~~~~~~~} SEL');
    const zeros = ZEROS.replace('0)', '0~~~~~~~~').replace('0-', '0~~~~~~~}');
    assert.deepEqual(read(`${head}#0\n${zeros}b0 #\n#1\n1~~~~~~~}\n1~~~~~~~~~\n#2\n`).events.slice(0, 2), [
      '0 0 0 0',
      '1 10 0 0',
    ]);
  });
});

/** Random changes of a bus, as text. */
const changes = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc.tuple(fc.constantFrom('0', '1', 'x', 'z'), fc.nat(8)).map(([v, n]) => `${v}${IDS[n]}\n`),
      },
      { weight: 3, arbitrary: fc.nat(255).map((v) => `b${v.toString(2).padStart(8)} #\n`) },
      { weight: 4, arbitrary: fc.nat(20).map((v) => `#+${v}\n`) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('$dumpoff\n', '$dumpon\n', '$end\n', 'q\n', 'b1\n', '$comment x $end\n'),
      },
    ),
    { maxLength: 60 },
  )
  .map((lines) => {
    let time = 0;
    const at = (growth: number): number => {
      time += growth;
      return time;
    };
    return lines.map((line) => (line.startsWith('#+') ? `#${at(Number(line.slice(2)))}\n` : line)).join('');
  });

describe('A4 VCD: in pieces and damaged', () => {
  it('gives the same whatever the pieces', () => {
    fc.assert(
      fc.property(changes, fc.array(fc.nat(1500), { maxLength: 20 }), fc.boolean(), (body, cuts, scsimon) => {
        const text = `${scsimon ? SCSIMON : GENERIC}${scsimon ? '' : '#0\n'}${ZEROS}b0 #\n${body}`;
        assert.deepEqual(read(text, {}, cuts), read(text));
      }),
      { numRuns: 200 },
    );
  });

  it('gives a value or a fault for any bytes, and times that never run back', () => {
    const whole = Buffer.from(`${GENERIC}#0\n${ZEROS}b0 #\n#5\n1)\n#7\nb101 #\n0)\n#9\n1-\n#12\n`, 'latin1');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), (hits) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of hits) bytes[at] = value;
        const record = readAll(new VcdReader(), bytes);
        let last = 0;
        for (const event of record.events) {
          const [from, to] = event.startsWith('hole') ? event.split(' ')[1].split('-') : [event.split(' ')[0], ''];
          assert.ok(Number(from) >= last, record.events.join('\n'));
          last = Number(to === '' ? from : to);
        }
      }),
      { numRuns: 500 },
    );
  });
});
