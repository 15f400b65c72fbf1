import assert from 'node:assert/strict';
import { statusWords } from '../../../parsers/scsi/sense.ts';
import { bar, columns, cut, sparkline, spread, squeeze, terminalOf } from '../../../src/cli/draw.ts';
import { runStat, type StatOptions } from '../../../src/cli/draw-stat-run.ts';
import {
  countWords,
  durationWords,
  plain,
  rateWords,
  secondsWords,
  shareWords,
  sizeWords,
} from '../../../src/cli/draw-words.ts';
import { statCommand } from '../../../src/cli/stat.ts';
import { seatOf, settled, type TestSeat } from '../stat/seat.ts';
import { START, testUnitReady, view, write } from '../stat/view.ts';

const MS = 1_000_000n;

async function stat(options: StatOptions = {}, parts: Parameters<typeof seatOf>[1] = {}): Promise<TestSeat> {
  const seat = seatOf(
    (sink) => {
      for (let i = 0; i < 8; i++) {
        sink.command?.(view({ frame: 2 * i + 1, at: START + BigInt(i) * MS, lbn: i * 8, latency: 100_000 * (i + 1) }));
      }
      sink.command?.(write({ frame: 40, at: START + 3n * MS, lbn: 640, blocks: 64, edtl: 32768, dataOut: 32768 }));
      sink.command?.(testUnitReady({ frame: 50, host: 'iqn.host:b', status: 8, latency: 5000 }));
      sink.command?.(write({ frame: 60, lu: 'iqn.target:t/2', status: -1, latency: -1, ending: 'unfinished' }));
      sink.hole?.({ stream: 0, toTarget: true, bytes: 1448, at: START });
      sink.facts?.({ lu: 'iqn.target:t/1', blockSize: 512, blocks: 2048, designators: ['naa.6001'] });
    },
    { end: { frames: 61, bytes: 90_000, streams: 2, lastAt: START + 20n * MS, holes: 1, holeBytes: 1448 }, ...parts },
  );
  await runStat(['bus.pcap'], options, seat);
  return await settled(seat);
}

describe('H2 stat --json', () => {
  it('gives one object with the capture and everything counted', async () => {
    const { stdout } = await stat({ json: true });
    assert.equal(stdout.lines.length, 1);
    const report = JSON.parse(stdout.text);
    assert.deepEqual(
      [report.capture.frames, report.capture.bytes, report.capture.seconds, report.capture.streams],
      [61, 90_000, 0.02, 2],
    );
    assert.equal(report.total.commands, 11);
    assert.equal(report.total.natures.read.bytes, 8 * 4096);
    assert.deepEqual(report.holes.toTarget, { count: 1, bytes: 1448 });
    assert.deepEqual(
      report.lus.map(({ lu, commands }: { lu: string; commands: number }) => [lu, commands]),
      [
        ['iqn.target:t/1', 10],
        ['iqn.target:t/2', 1],
      ],
    );
  });

  it('counts only what its filters let through', async () => {
    const commands = async (options: StatOptions): Promise<number> =>
      JSON.parse((await stat({ ...options, json: true })).stdout.text).total.commands;
    assert.equal(await commands({ host: '*:b' }), 1);
    assert.equal(await commands({ lu: '*/2' }), 1);
    const none = await stat({ lu: 'x' });
    assert.match(none.stderr.text, /^tapmirror: none of the 11 commands matches; .*LUs seen: iqn.target:t\/1, /);
  });
});

describe('H3 stat drawn', () => {
  it('shows the whole page', async () => {
    const { stdout } = await stat({}, { columns: 80, env: { LANG: 'C.UTF-8', NO_COLOR: '1' } });
    assert.equal(stdout.text, PAGE);
  });

  it('fits any terminal', async () => {
    for (const width of [80, 100, 132]) {
      const { stdout } = await stat({}, { columns: width, env: { LANG: 'C.UTF-8', NO_COLOR: '1' } });
      for (const line of stdout.lines) assert.ok(line.length <= width, `${line.length} of ${width}: ${line}`);
    }
  });

  it('stays with ASCII where the locale is not UTF-8, and without colour where it is no terminal', async () => {
    const { stdout } = await stat({}, { env: { LANG: 'C' } });
    assert.doesNotMatch(stdout.text, /[^\n -~]/);
  });

  it('has a page for a capture without commands', async () => {
    const seat = seatOf(() => {});
    await runStat(['a.pcap', 'b.pcap'], {}, seat);
    await settled(seat);
    assert.match(seat.stdout.text, /^a\.pcap and 1 more\n0 frames, .*\n0 commands in /);
    assert.equal(seat.stderr.text, 'tapmirror: no SCSI command was found\n');
  });
});

describe('H3 drawing', () => {
  const rich = terminalOf({ isTTY: true, columns: 80 }, { LANG: 'en_GB.UTF-8' });
  const poor = terminalOf({}, { LANG: 'C' });

  it('knows the terminal', () => {
    assert.deepEqual(rich, { width: 80, tty: true, colour: true, unicode: true });
    assert.deepEqual(poor, { width: 100, tty: false, colour: false, unicode: false });
    assert.equal(terminalOf({ isTTY: true }, { TERM: 'dumb' }).colour, false);
    assert.equal(terminalOf({}, { LC_ALL: 'C', LANG: 'C.UTF-8' }).unicode, false);
  });

  it('draws bars by share, and something for the least', () => {
    assert.equal(bar(1, 4, rich), '████');
    assert.equal(bar(0.5, 3, rich), '█▌');
    assert.equal(bar(0.0001, 4, rich), '▏');
    assert.equal(bar(0, 4, rich), '');
    assert.equal(bar(0.5, 4, poor), '##');
    assert.equal(bar(7, 4, poor), '####');
  });

  it('draws sparklines by height, blank for nothing', () => {
    assert.equal(sparkline([0, 1, 4, 8], rich), ' ▁▄█');
    assert.equal(sparkline([0, 1, 4, 8], poor), ' .=#');
    assert.equal(sparkline([0, 0], rich), '  ');
  });

  it('makes many values few', () => {
    assert.deepEqual(squeeze([1, 3, 5, 7, 9], 3), [2, 6, 9]);
    assert.deepEqual(squeeze([1, 2], 3), [1, 2]);
    assert.deepEqual(spread([1, 2, 3], 6, 3), [3, 3, 0]);
    assert.deepEqual(spread([1, 2], 2 ** 50, 4), [3, 0, 0, 0]);
  });

  it('cuts names at the front and words at the end', () => {
    assert.equal(cut('iqn.2004:disk1', 6, 'tail', rich), '…disk1');
    assert.equal(cut('CHECK CONDITION', 6, 'head', poor), 'CHECK~');
    assert.equal(cut('short', 5, 'head', rich), 'short');
    assert.deepEqual(
      columns([
        ['a', '1'],
        ['bbb', '22'],
      ]),
      ['a     1', 'bbb  22'],
    );
  });

  it('writes counts, sizes, rates, times and shares as people read them', () => {
    assert.deepEqual([0, 999, 1000, 1234567].map(countWords), ['0', '999', '1,000', '1,234,567']);
    assert.deepEqual([0, 512, 4096, 1536, 2 ** 40, 1048575].map(sizeWords), [
      '0 B',
      '512 B',
      '4 KiB',
      '1.5 KiB',
      '1 TiB',
      '1 MiB',
    ]);
    assert.deepEqual([null, 0, 12_340_000, 380e6, 5].map(rateWords), [
      '-',
      '0 MB/s',
      '12.3 MB/s',
      '380 MB/s',
      '0.000005 MB/s',
    ]);
    assert.deepEqual(
      [5, 999, 1000, 34_120, 999_499, 999_500, 2_340_000, 1.2e9, 86e12].map((ns) => durationWords(ns, false)),
      ['5 ns', '999 ns', '1.00 us', '34.1 us', '999 us', '1.00 ms', '2.34 ms', '1.20 s', '86,000 s'],
    );
    assert.deepEqual([0, 0.004, 0.5, 1].map(shareWords), ['0%', '0.4%', '50%', '100%']);
    assert.deepEqual([0n, -1n, 12_500_000_000n].map(secondsWords), ['0.000000000', '-0.000000001', '12.500000000']);
    assert.equal(plain('iqn.öß:1'), 'iqn.öß:1');
    assert.equal(plain('\u009b31m'), '\\x9b31m');
  });
});

describe('H2 stat on the command line', () => {
  it('refuses what it does not know', async () => {
    const command = statCommand()
      .exitOverride()
      .configureOutput({ writeErr() {} });
    await assert.rejects(command.parseAsync(['a', '--tsv'], { from: 'user' }), /unknown option '--tsv'/);
  });
});

/** The page for the traffic of `stat` above, on 80 columns. */
const PAGE = `bus.pcap
61 frames, 87.9 KiB, 0.020 s, 2 TCP connections
11 commands in 0.008 s, 2 hosts, 1 target, 2 LUs
1 hole to the target: 1.4 KiB missing

Natures
         commands     rate   bytes  throughput
read            8  1,026/s  32 KiB   4.20 MB/s
write           2    256/s  36 KiB   4.73 MB/s
control         1    128/s     0 B      0 MB/s

Latency from command to status
             min      p50      p90      p95      p99    p99.9      max
read      100 µs   399 µs   800 µs   800 µs   800 µs   800 µs   800 µs
write    1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms  1.00 ms
control  5.00 µs  5.00 µs  5.00 µs  5.00 µs  5.00 µs  5.00 µs  5.00 µs

Rate, from left to right (interval 1.00 ms)
read      ████████  peak 4.10 MB/s
write     ▁   █     peak 32.8 MB/s
commands  █▃▃▃▆▃▃▃  peak 3,000/s

Transfer sizes (each from the size shown to below its double)
           reads                              writes
    4 KiB  ████████████████         8 (100%)  ██                        1 (50%)
   32 KiB                                     ██                        1 (50%)

Queue depth
mean 1.0, p50 1, p90 1, p99 1, max 1

Operations
READ(10)                  8 (73%)  ███████████████████████████████████████████
WRITE(10)                 2 (18%)  ██████████▊
TEST UNIT READY          1 (9.1%)  █████▍

Outcomes that are not success
        1  ${statusWords(8)}
        1  no status: unfinished at the end

Hosts
host        commands       read      write  p99 read  p99 write  errors
iqn.host:a        10  4.20 MB/s  4.73 MB/s    800 µs    1.00 ms       0
iqn.host:b         1     0 MB/s     0 MB/s         -          -       1

Targets
target        commands       read      write  p99 read  p99 write  errors
iqn.target:t        11  4.20 MB/s  4.73 MB/s    800 µs    1.00 ms       1

LU iqn.target:t/1
1 MiB 2,048 blocks of 512 bytes naa.6001
       commands   bytes  throughput      p99  sequential
read          8  32 KiB   4.20 MB/s   800 µs         88%
write         1  32 KiB   4.20 MB/s  1.00 ms          0%
queue depth p50 1, max 1; errors 1; without a status 0
where on the LU, from LBN 0 (left) to 2,047:
read  █
write           █
hot regions (64 blocks, 32 KiB each):
read      LBN 0-63  8  ████████████████████████████████████████
write  LBN 640-703  1  █████

LU iqn.target:t/2
       commands  bytes  throughput  p99  sequential
read          0    0 B      0 MB/s    -           -
write         1  4 KiB   0.53 MB/s    -          0%
queue depth p50 1, max 1; errors 0; without a status 1
where on the LU, from LBN 0 (left) to 63:
write █
hot regions (64 blocks each):
write  LBN 0-63  1  ████████████████████████████████████████
`;
