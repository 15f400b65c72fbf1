import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ProbeReader, type ProbeReaderOptions } from '../../../../parsers/bus/probe.ts';
import { BSY, CD, IO } from '../../../../src/base/samples.ts';
import { type Lines, linesOf, ProbeWriter, varint } from '../../../kit/probe.ts';
import { readAll } from './record.ts';

const FREE: Lines = [0, 0, 0];
const OUT: Lines = [BSY, 0x10, 0];
const IN: Lines = [BSY | IO, 0x10, 0];

function read(bytes: Uint8Array, options: ProbeReaderOptions = {}, cuts: readonly number[] = []) {
  const reader = new ProbeReader(options);
  const record = readAll(reader, bytes, cuts);
  return { ...record, fault: reader.fault, counts: reader.counts };
}

/** The events of a SAMPLES packet at tick 100. */
function records(lines: Lines, bytes: readonly number[], width: 8 | 16 = 8, flags?: number): string[] {
  const writer = new ProbeWriter({ width });
  writer.hello();
  writer.samples(100, lines, bytes, flags);
  return read(writer.take()).events;
}

describe('A4 probe protocol section 3: samples', () => {
  it('tells how the probe samples', () => {
    for (const width of [8, 16] as const) {
      const writer = new ProbeWriter({ width });
      writer.hello();
      assert.deepEqual(read(writer.take()).facts, [{ width, parity: true, timed: true }]);
    }
    const writer = new ProbeWriter();
    writer.hello({ features: 1 });
    assert.deepEqual(read(writer.take()).facts, [{ width: 8, parity: false, timed: true }]);
  });

  it('counts ticks of any clock in nanoseconds', () => {
    for (const [clockHz, wanted] of [
      [1e9, 12345],
      [62.5e6, 197520],
      [3e6, 4115000],
      [33333333, 370350],
    ] as const) {
      const writer = new ProbeWriter();
      writer.hello({ clockHz });
      writer.samples(12345, OUT);
      assert.deepEqual(read(writer.take()).events, [`${wanted} 1 10 0`]);
    }
  });

  it('toggles control lines, with growths of 0 to 6 ticks and of any number', () => {
    const bytes = [0x10 | 5, 0x60 | 6, 0x70 | 5, ...varint(1000), 0x00 | 6];
    assert.deepEqual(records(OUT, bytes), ['1000 1 10 0', '1010 100001 10 0', '1070 1100001 10 0', '11070 1 10 0']);
  });

  it('holds records without growth in one sample with the one before, also with the packet itself', () => {
    assert.deepEqual(records(OUT, [0x05, 0x0a, 0x77, 0x1c, 0x06, 0x09, 1]), ['1000 100001 77 0', '1010 1100001 77 1']);
  });

  it('sets data, parity and all lines', () => {
    const bytes = [0x1a, 0x33, 0x19, 1, 0x1b, 0x44, 0, 0x1e, ...linesOf([BSY | CD, 0x55, 1]), 0x1c];
    assert.deepEqual(records(OUT, bytes), [
      '1000 1 10 0',
      '1010 1 33 0',
      '1020 1 33 1',
      '1030 1 44 0',
      '1040 101 55 1',
      '1050 101 55 1',
    ]);
    assert.deepEqual(records(OUT, [0x1b, 0x34, 0x12, 3], 16), ['1000 1 10 0', '1010 1 1234 3']);
  });

  it('ignores control bits that have no meaning', () => {
    assert.deepEqual(records([0xfe00 | BSY, 0, 0], []), ['1000 1 0 0']);
  });

  it('makes parity lines that are not valid what the data needs', () => {
    // SPI-5: odd parity; 0x11 has two ones, 0x10 has one.
    assert.deepEqual(records(OUT, [0x1a, 0x11, 0x1a, 0x10], 8, 0).slice(1), ['1010 1 11 1', '1020 1 10 0']);
  });

  it('reads bursts: units by ACK outwards, by REQ inwards, and what the lines are afterwards', () => {
    const out = [0x80, ...varint(5), ...varint(200), 3, 2, 0xaa, 0x11, 0x15];
    assert.deepEqual(records(OUT, out), [
      '1000 1 10 0',
      'burst 1050-3050 3/2 1 aa11 - 0',
      '3050 1 11 1',
      '3060 100001 11 1',
    ]);
    assert.deepEqual(records(IN, [0x80, 0, 4, 1, 0, 0x10]), [
      '1000 1001 10 0',
      'burst 1000-1040 1/0 1 10 - 0',
      '1040 1001 10 0',
    ]);
  });

  it('reads bursts of 16 bits, and the bytes whose parity was wrong', () => {
    const bytes = [0x81, 1, 9, 2, 2, 1, 2, 3, 4, 0b1010, 0x0a, 7, 0];
    assert.deepEqual(records([BSY, 0, 0], bytes, 16), [
      '1000 1 0 0',
      'burst 1010-1100 2/2 2 01020304 0a 0',
      // 0x03 needs its line, 0x04 does not and had it; the edge of the same tick then changes the data.
      '1100 1 7 3',
    ]);
  });

  it('reads counts of a header-only probe', () => {
    const bytes = [0xa0, 2, ...varint(500), ...varint(512), ...varint(512), 3, 0x0b, 0x99, 1];
    assert.deepEqual(records(OUT, bytes), ['1000 1 10 0', 'burst 1020-6020 512/512 1 - - 3', '6020 1 99 1']);
  });

  for (const [what, bytes] of [
    ['reserved', [0x82, 0, 0]],
    ['reserved', [0x1d]],
    ['reserved', [0xa1, 0, 0, 0, 0, 0]],
    ['cut in its data', [0x1a]],
    ['cut in its varint', [0x75, 0x80]],
    ['a burst that is cut', [0x80, 1, 1, 5, 5, 1, 2, 3]],
    ['a burst of more units than numbers have', [0x80, 1, 1, 5, ...new Array(9).fill(0xff), 1]],
    ['a varint without an end', [0x75, ...new Array(11).fill(0xff)]],
    ['a burst while REQ is asserted', [0x05, 0x80, 1, 1, 0, 0]],
  ] as const) {
    it(`makes the rest of a packet a hole after a record that is ${what} (section 5)`, () => {
      const writer = new ProbeWriter();
      writer.hello();
      writer.samples(100, OUT, [0x11, ...bytes]);
      writer.samples(300, FREE);
      const { events, counts } = read(writer.take());
      assert.match(
        events.join('\n'),
        /^1000 1 10 0\n1010 1\d* 10 0\nhole 1010-3000 a record of the probe that cannot be read\n3000 0 0 0$/,
      );
      assert.equal(counts.unreadable, 1);
    });
  }
});

describe('A4 probe protocol section 5: what a reader does', () => {
  /** HELLO, START's STATE, and two SAMPLES that end at tick 210. */
  function begun(seq = 7): ProbeWriter {
    const writer = new ProbeWriter({ seq });
    writer.hello();
    writer.state(1, 50);
    writer.samples(100, OUT, [0x15]);
    writer.samples(200, OUT, [0x75, 10]);
    return writer;
  }
  const START = ['500 0 0 0', '1000 1 10 0', '1010 100001 10 0', '2000 1 10 0', '2100 100001 10 0'];
  const later = (writer: ProbeWriter) => {
    const { events, ...rest } = read(writer.take());
    assert.deepEqual(events.slice(0, START.length), START);
    return { events: events.slice(START.length), ...rest };
  };

  it('reads a stream without loss, also where seq wraps', () => {
    for (const seq of [7, 65534, 65535]) {
      const { events, counts } = later(begun(seq));
      assert.deepEqual([events, counts.missing, counts.repeats], [[], 0, 0]);
    }
  });

  it('makes missing packets a hole from the end of the last SAMPLES to the next SAMPLES', () => {
    const writer = begun();
    writer.seq += 3;
    writer.state(2, 250);
    writer.samples(300, FREE);
    const { events, counts } = later(writer);
    assert.deepEqual(events, ['hole 2100-3000 3 packets of the probe are missing', '3000 0 0 0']);
    assert.equal(counts.missing, 3);
  });

  it('drops repeats, up to 64 back', () => {
    const writer = begun();
    const { seq } = writer;
    for (const back of [1, 2, 64]) {
      writer.seq = (seq - back) & 0xffff;
      writer.samples(100, OUT, [0x15]);
    }
    writer.seq = seq;
    writer.samples(300, FREE);
    const { events, counts } = later(writer);
    assert.deepEqual(events, ['3000 0 0 0']);
    assert.equal(counts.repeats, 3);
  });

  it('takes a seq further back for missing packets', () => {
    const writer = begun();
    writer.seq = (writer.seq - 65) & 0xffff;
    writer.samples(300, FREE);
    assert.deepEqual(later(writer).events, ['hole 2100-3000 65471 packets of the probe are missing', '3000 0 0 0']);
  });

  it('counts frames that do not decode, and lets seq decide what they were', () => {
    const writer = begun();
    writer.frames.push(Uint8Array.of(0, 9, 9, 9, 0));
    writer.samples(300, FREE);
    const { events, counts } = later(writer);
    assert.deepEqual([events, counts.badFrames], [['3000 0 0 0'], 1]);
    const damaged = begun();
    damaged.samples(300, OUT)[8] ^= 0x40;
    damaged.samples(400, FREE);
    assert.deepEqual(later(damaged).events, ['hole 2100-4000 1 packets of the probe are missing', '4000 0 0 0']);
  });

  it('uses the seq of unknown types and counts them', () => {
    const writer = begun();
    writer.packet(0x6f, [1, 2, 3]);
    writer.samples(300, FREE);
    const { events, counts } = later(writer);
    assert.deepEqual([events, counts.unknownTypes], [['3000 0 0 0'], 1]);
  });

  it('makes a hole of what overflowed, up to the next SAMPLES', () => {
    const writer = begun();
    writer.overflow(210, 280);
    writer.heartbeat(290);
    writer.heartbeat(295);
    writer.samples(300, FREE);
    assert.deepEqual(later(writer).events, ['hole 2100-3000 the probe lost samples (line too slow)', '3000 0 0 0']);
  });

  it('makes a hole of what lies between stop and start', () => {
    const writer = begun();
    writer.state(3, 250, [BSY, 0x10, 0]);
    writer.state(1, 900, FREE);
    assert.deepEqual(later(writer).events, ['2500 1 10 0', 'hole 2500-9000 the capture was stopped', '9000 0 0 0']);
  });

  it('takes a probe that restarted from its STATE on, after a hole that any command may hide in', () => {
    const writer = begun();
    writer.seq = 40000;
    writer.hello({ boot: 2 });
    writer.state(1, 5, FREE);
    const { events, counts, facts } = later(writer);
    assert.deepEqual(events, ['hole 2100-1000002150 the probe restarted', '1000002150 0 0 0']);
    assert.deepEqual([counts.restarts, counts.missing, facts.length], [1, 0, 1]);
  });

  it('makes the hole of a restart as long as the probe was away', () => {
    const reader = new ProbeReader();
    const writer = begun();
    const record = readAll(
      { push: (b, from, to, sink) => reader.push(b, from, to, sink), finish: () => {} },
      writer.take(),
    );
    reader.cut('the cable was out');
    reader.awayNs = 60e9;
    writer.hello({ boot: 2 });
    writer.samples(5, FREE);
    const bytes = writer.take();
    reader.push(bytes, 0, bytes.length, record);
    assert.deepEqual(record.events.slice(START.length), [
      'hole 2100-60000002150 the cable was out',
      '60000002150 0 0 0',
    ]);
  });

  it('begins anew where another probe comes', () => {
    const writer = begun();
    const wide = new ProbeWriter({ width: 16 });
    wide.hello({ boot: 9 });
    const { facts } = read(Buffer.concat([writer.take(), wide.take()]));
    assert.deepEqual(
      facts.map(({ width }) => width),
      [8, 16],
    );
  });

  it('takes a HELLO of the same boot for an answer', () => {
    const writer = begun();
    writer.hello();
    writer.samples(300, FREE);
    assert.deepEqual(later(writer).events, ['3000 0 0 0']);
  });

  it('makes a time that runs back a hole', () => {
    const writer = begun();
    writer.samples(150, FREE);
    writer.samples(160, OUT);
    assert.deepEqual(later(writer).events, [
      "hole 2100-1000002100 the probe's time ran back",
      '1000002100 0 0 0',
      '1000002200 1 10 0',
    ]);
  });

  it('lets the second of two heartbeats say that nothing moved', () => {
    const writer = begun();
    writer.heartbeat(300);
    writer.samples(290, FREE);
    writer.heartbeat(400);
    writer.heartbeat(500);
    writer.samples(600, OUT);
    assert.deepEqual(later(writer).events, ['2900 0 0 0', '4000 0 0 0', '6000 1 10 0']);
  });

  it('joins a stream that runs: untimed in a file, after HELLO where it can be asked for', () => {
    const writer = begun();
    const frames = writer.frames.slice(2);
    const joined = Buffer.concat([Uint8Array.of(1, 2, 3), ...frames]);
    const { facts, events, notices } = read(joined);
    assert.deepEqual(facts, [{ width: 8, parity: true, timed: false }]);
    assert.deepEqual(events, ['100 1 10 0', '101 100001 10 0', '200 1 10 0', '210 100001 10 0']);
    assert.match(notices.join(), /without a HELLO/);
    assert.deepEqual(read(joined, { needHello: true }).facts, []);
    // Answers to HELLO change nothing any more; a restart begins anew.
    writer.take();
    writer.hello();
    writer.hello();
    writer.samples(300, FREE);
    writer.hello({ boot: 2 });
    writer.samples(5, OUT);
    const later = read(Buffer.concat([joined, writer.take()]));
    assert.deepEqual(later.events.slice(4), [
      '300 0 0 0',
      'hole 300-1000000350 the probe restarted',
      '1000000350 1 10 0',
    ]);
    assert.deepEqual(
      later.facts.map(({ timed }) => timed),
      [false, true],
    );
  });

  it('stops at a major version it does not know', () => {
    const writer = new ProbeWriter();
    writer.hello({ major: 2 });
    writer.samples(100, OUT);
    const { fault, facts } = read(writer.take());
    assert.match(fault?.reason ?? '', /version 2/);
    assert.match(fault?.mend ?? '', /firmware/);
    assert.deepEqual(facts, []);
  });

  it('ends with a hole where the last packets cannot be used', () => {
    const writer = begun();
    writer.overflow(210, 280);
    assert.deepEqual(later(writer).events, ['hole 2100-1000002100 the probe lost samples (line too slow)']);
  });

  it('says that a file has no packet', () => {
    assert.match(read(Buffer.from('nothing of the kind\0\0')).fault?.reason ?? '', /no packet/);
  });

  it('counts short packets and reads on', () => {
    const writer = begun();
    for (const type of [0x01, 0x02, 0x11, 0x20, 0x21, 0x22]) writer.packet(type, type === 0x01 ? [1] : []);
    writer.samples(300, FREE);
    const { events, counts } = later(writer);
    assert.deepEqual([events, counts.unreadable], [['3000 0 0 0'], 6]);
    const short = begun();
    short.packet(0x10, [2, 1, 1]);
    short.samples(300, FREE);
    assert.deepEqual(later(short).events, ['hole 2100-3000 a packet of samples that makes no sense', '3000 0 0 0']);
  });

  it('gives the same whatever the pieces; for any bytes a value or a fault, and times that never run back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(6), fc.nat(400), fc.uint8Array({ maxLength: 40 })), { maxLength: 12 }),
        fc.array(fc.nat(900), { maxLength: 9 }),
        fc.array(fc.tuple(fc.nat(900), fc.nat(255)), { maxLength: 2 }),
        (packets, cuts, hits) => {
          const writer = new ProbeWriter();
          writer.hello();
          for (const [kind, time, bytes] of packets) {
            if (kind < 3) writer.samples(time, kind === 0 ? OUT : IN, [...bytes]);
            else if (kind === 3) writer.state(1 + (bytes.length % 4), time, OUT);
            else if (kind === 4) writer.overflow(time, time + 5);
            else if (kind === 5) writer.heartbeat(time);
            else writer.packet(bytes[0] ?? 1, bytes);
          }
          const stream = Uint8Array.from(writer.take());
          for (const [at, value] of hits) if (at < stream.length) stream[at] = value;
          const whole = read(stream);
          assert.deepEqual(read(stream, {}, cuts), whole);
          let last = 0;
          for (const event of whole.events) {
            const [from, to] = (/^(?:burst |hole )?(\d+)(?:-(\d+))?/.exec(event) ?? []).slice(1).map(Number);
            assert.ok(from >= last && !(to < from), whole.events.join('\n'));
            last = Number.isNaN(to) ? from : to;
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
