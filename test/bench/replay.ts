/**
 * `npm run bench -- CAPTURE`: whole processes in turn (ours, the peer, ours, the peer ...), the ratio pair by pair.
 *
 *   stat     `tapmirror stat --json` against `tcpdump -r CAPTURE -w /dev/null`, which copies the same file
 *   mirror   `tapmirror mirror` onto a file in memory against `tcpflow`, which writes its flows there
 *
 * Beside CAPTURE lies CAPTURE.json with `lun_size`, `after_sha256` and, where it is not the lab's, `lu`: the mirror must equal
 * the volume, or its time counts for nothing. The lab's `big.sh` makes such a pair. Needs tcpdump, tcpflow and GNU time.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { repositoryRoot } from '../repository.ts';
import { median, type Run, timed } from './figures.ts';

const RUNS = 5;
const LAB_LU = 'iqn.2024-01.lab.example:big/1';

interface Contest {
  name: string;
  peer: string;
  ours: readonly string[];
  theirs: readonly string[];
  /** Makes the same start for every run. */
  before: () => void;
  /** Throws when what came out is not right. */
  after: () => void;
}

function contend({ name, peer, ours, theirs, before, after }: Contest): void {
  const mine: Run[] = [];
  const other: Run[] = [];
  for (let i = 0; i <= RUNS; i++) {
    before();
    const a = timed(ours);
    after();
    before();
    const b = timed(theirs);
    if (i === 0) continue; // the first pair warms the page cache
    mine.push(a);
    other.push(b);
  }
  const of = (figures: Run[]) => median(figures.map((f) => f.seconds)).toFixed(3);
  const ratio = median(mine.map((f, i) => f.seconds / other[i].seconds));
  const peak = Math.max(...mine.map((f) => f.mebibytes));
  console.log(
    `${name.padEnd(8)} ${of(mine)} s, ${peer} ${of(other)} s, ratio ${ratio.toFixed(2)} (median of ${RUNS} pairs), peak ${peak.toFixed(0)} MiB`,
  );
}

const [given] = process.argv.slice(2);
if (given === undefined) {
  console.error('usage: npm run bench -- CAPTURE (with CAPTURE.json beside it; the lab makes one with big.sh)');
  process.exit(2);
}
const capture = resolve(given);
const sidecar = JSON.parse(readFileSync(`${capture}.json`, 'utf8')) as {
  lun_size: number;
  after_sha256: string;
  lu?: string;
};
const memory = mkdtempSync(join(process.platform === 'linux' ? '/dev/shm' : tmpdir(), 'tapmirror-bench-'));
const mirror = join(memory, 'mirror.img');
const flows = join(memory, 'flows');
const config = join(memory, 'unit.json');
writeFileSync(
  config,
  JSON.stringify({
    source: { replay: [capture] },
    volumes: [{ lu: sidecar.lu ?? LAB_LU, mirrors: [`file:${mirror}`] }],
  }),
);
const tapmirror = [process.execPath, join(repositoryRoot(), 'dist/src/cli/launch.cjs')];

/** A sparse file of the volume's size, and an empty folder for the flows. */
function fresh(): void {
  for (const path of [mirror, flows]) rmSync(path, { recursive: true, force: true });
  mkdirSync(flows);
  writeFileSync(mirror, '');
  truncateSync(mirror, sidecar.lun_size);
}

function equal(): void {
  const sum = createHash('sha256').update(readFileSync(mirror)).digest('hex');
  if (sum !== sidecar.after_sha256) throw new Error(`the mirror differs from the volume: ${sum}`);
}

try {
  contend({
    name: 'stat',
    peer: 'tcpdump',
    ours: [...tapmirror, 'stat', '--json', capture],
    theirs: ['tcpdump', '-r', capture, '-w', '/dev/null'],
    before: () => {},
    after: () => {},
  });
  contend({
    name: 'mirror',
    peer: 'tcpflow',
    ours: [...tapmirror, 'mirror', '--config', config, '--json'],
    theirs: ['tcpflow', '-r', capture, '-o', flows],
    before: fresh,
    after: equal,
  });
} finally {
  rmSync(memory, { recursive: true, force: true });
}
