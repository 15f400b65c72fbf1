/**
 * `node dist/test/bench/bus.js TRACE [MEBIBYTES]`: a VCD (plain or packed with gzip; sigrok reads d08 and d11 of the shared
 * traces) is repeated with its times shifted until it has the size (default 128 MiB), then read in turn, whole processes:
 *
 *   stat     `tapmirror stat --json` against `sigrok-cli -I vcd -O binary`, the ratio pair by pair
 *   twice    the same on a trace of twice the length: the peak of memory must not grow with it
 *   reader   how fast the file is made samples of, without what follows, in this process
 *
 * Needs sigrok-cli and GNU time.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { openTrace } from '../../hw/traceFile.ts';
import { repositoryRoot } from '../repository.ts';
import { median, type Run, timed } from './figures.ts';

const RUNS = 5;
const MIB = 2 ** 20;
/** Nanoseconds (or the file's unit) between the end of a round and the start of the next. */
const PAUSE = 1000;

/** Writes `trace`'s declarations once and its changes until `path` has `bytes`. */
function repeat(trace: string, path: string, bytes: number): void {
  const packed = readFileSync(trace);
  const text = (packed[0] === 0x1f ? gunzipSync(packed) : packed).toString('latin1');
  const body = text.indexOf('\n', text.indexOf('$enddefinitions')) + 1;
  const lines = text.slice(body).split('\n');
  const last = Number(/^#(\d+)/.exec(lines.findLast((line) => line.startsWith('#')) ?? '')?.[1] ?? 0);
  const file = openSync(path, 'w');
  let written = writeSync(file, text.slice(0, body), null, 'latin1');
  for (let shift = 0; written < bytes; shift += last + PAUSE) {
    const shifted = lines.map((line) => line.replace(/^#(\d+)/, (_, time: string) => `#${Number(time) + shift}`));
    written += writeSync(file, shifted.join('\n'), null, 'latin1');
  }
  closeSync(file);
}

async function reader(path: string): Promise<void> {
  const sink = { samples: 0, last: 0 };
  const started = process.hrtime.bigint();
  const trace = await openTrace(path);
  while (
    await trace.pump({
      begin: () => {},
      sample: (time) => {
        sink.samples++;
        sink.last = time;
      },
      burst: () => {},
      hole: () => {},
      notice: (text) => console.log(text),
    })
  );
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const rate = (statSync(path).size / MIB / seconds).toFixed(0);
  console.log(`reader   ${seconds.toFixed(3)} s, ${rate} MiB/s, ${(sink.samples / 1e6).toFixed(1)} million samples`);
}

const [trace, size = '128'] = process.argv.slice(2);
if (trace === undefined || !(Number(size) > 0)) {
  console.error('usage: node dist/test/bench/bus.js TRACE [MEBIBYTES]');
  process.exit(2);
}
const folder = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'tapmirror-bench-'));
const big = join(folder, 'big.vcd');
const bigger = join(folder, 'bigger.vcd');
const built = new URL('../..', import.meta.url).pathname;
const start = built.startsWith(join(repositoryRoot(), 'dist')) ? 'src/cli/launch.cjs' : 'src/cli/main.js';
const tapmirror = [process.execPath, join(built, start)];

try {
  repeat(trace, big, Number(size) * MIB);
  await reader(big);
  await reader(big);
  const mine: Run[] = [];
  const other: Run[] = [];
  for (let i = 0; i <= RUNS; i++) {
    const a = timed([...tapmirror, 'stat', '--json', big]);
    const b = timed(['sigrok-cli', '-I', 'vcd', '-O', 'binary', '-i', big]);
    if (i === 0) continue; // the first pair warms the page cache
    mine.push(a);
    other.push(b);
  }
  const of = (figures: Run[]) => median(figures.map((f) => f.seconds)).toFixed(3);
  const ratio = median(mine.map((f, i) => f.seconds / other[i].seconds));
  const peak = Math.max(...mine.map((f) => f.mebibytes));
  console.log(
    `stat     ${of(mine)} s, sigrok-cli ${of(other)} s, ratio ${ratio.toFixed(2)} (median of ${RUNS} pairs), peak ${peak.toFixed(0)} MiB`,
  );
  repeat(trace, bigger, Number(size) * MIB * 2);
  const twice = timed([...tapmirror, 'stat', '--json', bigger]);
  console.log(`twice    ${twice.seconds.toFixed(3)} s, peak ${twice.mebibytes.toFixed(0)} MiB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
