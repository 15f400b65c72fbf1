import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { senseWords, statusWords } from '../../../parsers/scsi/sense.ts';
import type { CommandView } from '../../../src/base/command.ts';
import { Fault } from '../../../src/base/fault.ts';
import { decodeCommand } from '../../../src/cli/decode.ts';
import { HoldBack, type Row, rowOf } from '../../../src/cli/rows.ts';
import { type DecodeOptions, runDecode } from '../../../src/cli/rows-decode.ts';
import { momentNs, nameMatcher, parseMoment } from '../../../src/cli/rows-filter.ts';
import { seatOf, settled, type TestSeat } from '../stat/seat.ts';
import { START, testUnitReady, view, write } from '../stat/view.ts';

const MS = 1_000_000n;

async function decode(
  views: readonly CommandView[],
  options: DecodeOptions = {},
  parts: Parameters<typeof seatOf>[1] = {},
): Promise<TestSeat> {
  const seat = seatOf((sink, hooks) => {
    hooks.begin?.(START);
    for (const one of views) sink.command?.(one);
  }, parts);
  await runDecode(['bus.pcap'], options, seat);
  return await settled(seat);
}

describe('H3 decode --tsv', () => {
  it('gives the columns that the acceptance check reads, in its format', async () => {
    const sense = { key: 6, asc: 0x29, ascq: 0 };
    const { stdout } = await decode(
      [
        testUnitReady({ frame: 8, responseFrame: 9, itt: 0x4bae75a3, status: 2, sense }),
        write({
          frame: 21,
          responseFrame: 0,
          itt: 0xffff_fffe,
          lbn: 5646,
          blocks: 14,
          edtl: 7168,
          status: -1,
          latency: -1,
        }),
      ],
      { tsv: true },
    );
    const [head, ...rows] = stdout.lines.map((line) => line.split('\t'));
    const golden = 'frame stream itt lun opcode lbn blocks status dir edtl response_frame'.split(' ');
    assert.deepEqual(head.slice(0, 11), golden);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 11).join(' ')),
      ['8 0 0x4bae75a3 1 00   2 - 0 9', '21 0 0xfffffffe 1 2a 5646 14  w 7168 '],
    );
    for (const row of rows) assert.equal(row.length, head.length);
    const cell = (row: number, name: string): string => rows[row][head.indexOf(name)];
    assert.equal(cell(0, 'words'), `${statusWords(2)}: ${senseWords(sense)}`);
    assert.deepEqual([cell(0, 'sense_key'), cell(0, 'asc'), cell(0, 'ascq')], ['6', '29', '00']);
    assert.deepEqual([cell(0, 'latency_us'), cell(1, 'latency_us')], ['1000.000', '']);
    assert.equal(cell(0, 'time'), '1700000000.000000000');
  });

  it('keeps one line per command whatever a name from the wire holds', async () => {
    const { stdout } = await decode([view({ host: 'a\tb\nc\u001b[2J\u202e' })], { tsv: true });
    assert.equal(stdout.lines.length, 2);
    assert.match(stdout.lines[1], /\ta\\x09b\\x0ac\\x1b\[2J\\u202e\t/);
  });
});

describe('H2 decode --json', () => {
  it('gives one object per command, null for what is absent', async () => {
    const lost = { status: -1, latency: -1, responseFrame: 0, lbn: -2, blocks: -1, ending: 'aborted' } as const;
    const { stdout } = await decode([view({ at: START + 1n }), write({ frame: 2, ...lost })], { json: true });
    const [first, second] = stdout.lines.map((line) => JSON.parse(line));
    assert.equal(first.time, '2023-11-14T22:13:20.000000001Z');
    assert.equal(first.latencyNs, 1_000_000);
    assert.equal(first.opcode, '28');
    assert.equal(first.edtlBytes, 4096);
    assert.equal(first.outcome, statusWords(0));
    assert.deepEqual(
      [second.status, second.latencyNs, second.responseFrame, second.lbn, second.blocks, second.sense],
      [null, null, null, null, null, null],
    );
    assert.equal(second.ending, 'aborted');
  });

  it('writes times that no calendar reaches as seconds', async () => {
    const { stdout } = await decode([view({ at: 2n ** 90n })], { json: true });
    assert.match(JSON.parse(stdout.text).time, /^\d+\.\d{9}$/);
  });
});

describe('H3 decode as a table', () => {
  const views = [
    write({ frame: 21, at: START + 5n * MS, lbn: 1000, latency: 34_100 }),
    testUnitReady({ frame: 8, itt: 0x10, latency: 812, at: START + MS, status: 0x08 }),
  ];

  it('shows every field without cutting where the output is no terminal', async () => {
    const { stdout } = await decode(views);
    assert.equal(
      stdout.text,
      [
        '    TIME  FRAME  STREAM  HOST        TARGET         LU                ITT         OPERATION        NATURE    LBN  BLOCKS   EDTL   DATA  DIR  LATENCY  STATUS',
        `0.001000      8       0  iqn.host:a  iqn.target:t   iqn.target:t/1    0x00000010  TEST UNIT READY  control     -       -    0 B    0 B  -     812 ns  ${statusWords(8)}`,
        `0.005000     21       0  iqn.host:a  iqn.target:t   iqn.target:t/1    0x00000001  WRITE(10)        write    1000       8  4 KiB  4 KiB  w    34.1 µs  ${statusWords(0)}`,
        '',
      ]
        .join('\n')
        .replaceAll('iqn.target:t   ', 'iqn.target:t  ')
        .replaceAll('TARGET         LU', 'TARGET        LU')
        .replaceAll('LU                ITT', 'LU              ITT')
        .replaceAll('/1    0x', '/1  0x'),
    );
  });

  it('fits any terminal, keeping time, operation, LBN, blocks and status', async () => {
    for (const columns of [200, 132, 100, 80, 60]) {
      const { stdout } = await decode(views, {}, { columns, env: { LANG: 'C.UTF-8', NO_COLOR: '1' } });
      assert.equal(stdout.lines.length, 3);
      for (const line of stdout.lines) assert.ok(line.length <= columns, `${line.length} of ${columns}: ${line}`);
      for (const title of ['TIME', 'OPERATION', 'LBN', 'BLOCKS', 'STATUS']) assert.ok(stdout.lines[0].includes(title));
    }
  });

  it('colours only on a terminal that wants it', async () => {
    const code = '\u001b[';
    assert.ok((await decode(views, {}, { columns: 100 })).stdout.text.includes(code));
    assert.ok(!(await decode(views, {}, { columns: 100, env: { NO_COLOR: '1' } })).stdout.text.includes(code));
    assert.ok(!(await decode(views)).stdout.text.includes(code));
  });

  it('stays with ASCII where the locale is not UTF-8', async () => {
    const { stdout } = await decode(views, {}, { env: { LC_ALL: 'C', LANG: 'C.UTF-8' } });
    assert.doesNotMatch(stdout.text, /[^\n -~]/);
  });

  it('shows a header alone when there is no command, and says so', async () => {
    const { stdout, stderr } = await decode([]);
    assert.equal(stdout.lines.length, 1);
    assert.equal(stderr.text, 'tapmirror: no SCSI command was found\n');
  });
});

describe('H3 decode filters', () => {
  const views = [
    view({ frame: 1, host: 'iqn.h:a', lu: 't/1', at: START }),
    write({ frame: 2, host: 'iqn.h:b', lu: 't/1', at: START + 1000n * MS }),
    testUnitReady({ frame: 3, host: 'iqn.h:b', lu: 't/10', at: START + 2000n * MS }),
  ];
  const frames = async (options: DecodeOptions): Promise<string[]> =>
    (await decode(views, { ...options, tsv: true })).stdout.lines.slice(1).map((line) => line.split('\t')[0]);

  it('by LU, host and nature', async () => {
    assert.deepEqual(await frames({ lu: 't/1' }), ['1', '2']);
    assert.deepEqual(await frames({ lu: 't/*' }), ['1', '2', '3']);
    assert.deepEqual(await frames({ host: '*:b' }), ['2', '3']);
    assert.deepEqual(await frames({ nature: 'control' }), ['3']);
    assert.deepEqual(await frames({ host: 'iqn.h:b', nature: 'write' }), ['2']);
  });

  it('by time, both ends included', async () => {
    assert.deepEqual(await frames({ from: { sinceStartNs: 1000n * MS } }), ['2', '3']);
    assert.deepEqual(await frames({ to: { unixNs: START + 1000n * MS } }), ['1', '2']);
    assert.deepEqual(await frames({ from: { sinceStartNs: 1n }, to: { sinceStartNs: 1999n * MS } }), ['2']);
  });

  it('say what was there when nothing matches', async () => {
    const byLu = await decode(views, { lu: 'x', tsv: true });
    assert.equal(
      byLu.stderr.text,
      'tapmirror: none of the 3 commands matches; hosts seen: iqn.h:a, iqn.h:b; LUs seen: t/1, t/10\n',
    );
    const byTime = await decode(views, { from: { sinceStartNs: 9000n * MS } });
    assert.match(byTime.stderr.text, /no command lies between --from and --to; .*20\.0+Z to .*22\.0+Z\n$/);
  });

  it('take a name literally but for its stars', () => {
    assert.ok(nameMatcher('[fe80::1]:3260/*')('[fe80::1]:3260/4'));
    assert.ok(!nameMatcher('a.b')('axb'));
    assert.ok(!nameMatcher('b')('abc'));
    fc.assert(fc.property(fc.string(), (name) => nameMatcher(name)(name) && nameMatcher('*')(name)));
  });

  it('read times as seconds since the start or ISO 8601 in UTC', () => {
    const at = (text: string): bigint | undefined => {
      const moment = parseMoment(text);
      return moment && momentNs(moment, 7n);
    };
    assert.equal(at('12.5'), 12_500_000_007n);
    assert.equal(at('0'), 7n);
    assert.equal(at('2023-11-14T22:13:20Z'), START);
    assert.equal(at('2023-11-14T22:13:20'), START);
    assert.equal(at('2023-11-14 22:13:20.000000001'), START + 1n);
    assert.equal(at('2023-11-15T00:13:20+02:00'), START);
    assert.equal(at('1970-01-02'), 86_400_000_000_000n);
    for (const text of ['', 'noon', '-1', '1e3', '2023-13-01', '2023-11-14T25:00Z', '12.']) {
      assert.equal(parseMoment(text), undefined, text);
    }
  });
});

describe('H3 rows in the order of their commands', () => {
  const rows = fc
    .array(fc.nat(1000), { maxLength: 200 })
    .map((frames) => frames.map((frame) => rowOf(view({ frame }))));

  function through(limit: number, list: readonly Row[]): Row[] {
    const out: Row[] = [];
    const held = new HoldBack(limit, (row) => out.push(row));
    for (const row of list) held.push(row);
    held.flush();
    return out;
  }

  it('are sorted by frame, then by arrival, while they fit', () => {
    fc.assert(
      fc.property(rows, (list) => {
        assert.deepEqual(
          through(200, list),
          [...list].sort((a, b) => a.frame - b.frame),
        );
      }),
    );
  });

  it('never get lost, and are sorted when none comes more than `limit` places late', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 20 }), fc.infiniteStream(fc.nat(19)), (list, limit, jitter) => {
        const sorted = [...list].sort((a, b) => a.frame - b.frame);
        const late = sorted
          .map((row, i) => ({ row, at: i + Math.min(jitter.next().value, limit) }))
          .sort((a, b) => a.at - b.at);
        assert.deepEqual(
          through(
            limit,
            late.map(({ row }) => row),
          ).map(({ frame }) => frame),
          sorted.map(({ frame }) => frame),
        );
      }),
    );
  });

  it('are copies of the borrowed views', async () => {
    const borrowed = view({ sense: { key: 5, asc: 0, ascq: 0 } });
    const row = rowOf(borrowed);
    borrowed.frame = 99;
    borrowed.sense!.key = 1;
    assert.deepEqual([row.frame, row.sense?.key], [1, 5]);
  });
});

describe('H5 decode and its surroundings', () => {
  it('tells faults and notices of the source in a line each', async () => {
    const { stderr } = await decode(
      [view()],
      { tsv: true },
      {
        end: { faults: [{ file: 'a.pcap', offset: 77, reason: 'ends inside a record' }], notices: ['odd\nthing'] },
      },
    );
    assert.deepEqual(stderr.lines, [
      'tapmirror: a.pcap: ends inside a record at byte 77; everything before it was used',
      'tapmirror: odd\\x0athing',
    ]);
  });

  it('writes nothing when a source cannot be read, and passes the fault on', async () => {
    const seat = seatOf(() => {
      throw new Fault('local', 'bus.pcap: no such file');
    });
    await assert.rejects(runDecode(['bus.pcap'], { tsv: true }, seat), /no such file/);
    assert.equal(seat.stdout.text, '');
  });

  it('writes in large chunks and makes the reading wait for the reader', async () => {
    let waits = 0;
    const seat = seatOf(async (sink, hooks) => {
      for (let frame = 1; frame <= 6000; frame++) {
        sink.command?.(view({ frame }));
        const ready = hooks.ready?.();
        if (ready !== undefined) waits++;
        await ready;
      }
    });
    await runDecode(['bus.pcap'], { tsv: true }, seat);
    assert.equal(seat.stdout.lines.length, 6001);
    assert.ok(seat.stdout.chunks <= Math.ceil(seat.stdout.text.length / 65536) + 1);
    assert.ok(waits > 0);
  });

  it('ends quietly, and reads no further, when nobody reads its output', async () => {
    const seat = seatOf(async (sink, hooks) => {
      for (let frame = 1; hooks.signal?.aborted === false; frame++) {
        sink.command?.(view({ frame }));
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw hooks.signal?.reason;
    });
    const broken = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    });
    await runDecode(['bus.pcap'], { tsv: true }, { ...seat, stdout: broken });
    assert.equal(seat.stderr.text, '');
  });

  it('rejects with a fault when the output cannot be written', async () => {
    const full = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('no space left'), { code: 'ENOSPC' })),
    });
    const seat = seatOf((sink) => sink.command?.(view()));
    await assert.rejects(
      runDecode(['bus.pcap'], { tsv: true }, { ...seat, stdout: full }),
      /standard output: no space/,
    );
  });

  it('shows progress on a terminal only when the rows go elsewhere', async () => {
    const traffic: Parameters<typeof seatOf>[0] = (_, hooks) => {
      hooks.progress?.({ position: 1024, total: 2048, frames: 12 });
    };
    const aside = seatOf(traffic, { errColumns: 80 });
    await runDecode(['bus.pcap'], { tsv: true }, aside);
    await settled(aside);
    assert.ok(aside.stderr.text.startsWith(`\r[${'█'.repeat(12).padEnd(24)}]  50% 1 KiB, 12 frames\u001b[K\r\u001b[K`));
    const both = seatOf(traffic, { errColumns: 80, columns: 80 });
    await runDecode(['bus.pcap'], {}, both);
    await settled(both);
    assert.doesNotMatch(both.stderr.text, /50%/);
  });

  it('refuses what it does not know, in words', async () => {
    const parse = async (...words: string[]): Promise<void> => {
      const command = decodeCommand()
        .exitOverride()
        .configureOutput({ writeErr() {} });
      await command.parseAsync(words, { from: 'user' });
    };
    await assert.rejects(parse(), /missing required argument 'source'/);
    await assert.rejects(parse('a', '--nature', 'odd'), /Allowed choices are read, write, control/);
    await assert.rejects(parse('a', '--from', 'noon'), /seconds since the start/);
    await assert.rejects(parse('a', '--tsv', '--json'), /cannot be used with/);
  });
});
