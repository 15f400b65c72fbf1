/**
 * `npm run bench:target -- [ROUNDS] [write|read] [COMMAND ...]`: operations a second of `qemu-img bench` at tgtd and at
 * `tapmirror serve`, each with a file in memory of the same length and its write cache on. Both in turn in every round;
 * ratios are taken within a round, and their medians shown, with the target's processor time for an operation.
 *
 * Every further COMMAND (`node OTHER/dist/src/cli/launch.cjs`) is one more target beside this one, measured as it is. Needs
 * root, tgt, qemu-utils and qemu-block-extra.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TargetLab } from '../live/initiatorLab.ts';

const IQN = 'iqn.2024-01.lab.example:target';
const SIZE = 1 << 30;
const TGTD = 14700;
/** Of the first `serve`; further ones above. */
const SERVES = 14710;
const CONTROL = 7580;
const PATTERNS = [
  { name: '4K d1', count: 6000, depth: 1, bytes: 4096, step: 4_198_400 },
  { name: '4K d32', count: 40_000, depth: 32, bytes: 4096, step: 4_198_400 },
  { name: '64K d8', count: 6000, depth: 8, bytes: 65_536, step: 65_536 },
  { name: '256K d4', count: 2000, depth: 4, bytes: 262_144, step: 262_144 },
] as const;
type Pattern = (typeof PATTERNS)[number];

interface Peer {
  name: string;
  port: number;
  pid: number;
}

interface Figures {
  perSecond: number;
  /** Processor microseconds of the target for each operation. */
  cpu: number;
}

function image(path: string): string {
  writeFileSync(path, '');
  truncateSync(path, SIZE);
  return path;
}

/** Processor seconds that a process has used (proc(5)). */
function used(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function measure(kind: string, { count, depth, bytes, step }: Pattern, { port, pid }: Peer): Figures {
  const load = ['-c', count, '-d', depth, '-s', bytes, '-S', step].map(String);
  const words = ['bench', '-f', 'raw', '-t', 'none', ...(kind === 'write' ? ['-w'] : []), ...load];
  const before = used(pid);
  const said = execFileSync('qemu-img', [...words, `iscsi://127.0.0.1:${port}/${IQN}/1`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const perSecond = count / Number(/in ([0-9.]+) sec/.exec(said)?.[1]);
  return { perSecond, cpu: ((used(pid) - before) * 1e6) / count };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

async function serving(
  n: number,
  command: readonly string[],
  folder: string,
): Promise<{ peer: Peer; child: ChildProcess }> {
  const [port, path] = [SERVES + n, image(join(folder, `serve-${n}.img`))];
  const [program, ...words] = [...command, 'serve', path, '--listen', `127.0.0.1:${port}`, '--name', IQN, '--cache'];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const name = n === 0 ? 'serve' : `serve ${n + 1}`;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready')) return { peer: { name, port, pid: child.pid ?? 0 }, child };
  }
  throw new Error(`the target ended before it was ready: ${command.join(' ')}`);
}

function contend(kind: string, rounds: number, peers: readonly Peer[]): void {
  const seen = new Map<Peer, Figures[][]>(peers.map((peer) => [peer, PATTERNS.map(() => [])]));
  for (const peer of peers) for (const pattern of PATTERNS) measure(kind, pattern, peer);
  for (let round = 0; round < rounds; round++) {
    for (const [p, pattern] of PATTERNS.entries()) {
      // The first and the last of a round are not always the same.
      const order = round % 2 === 0 ? peers : peers.toReversed();
      for (const peer of order) seen.get(peer)?.[p].push(measure(kind, pattern, peer));
    }
  }
  const figures = (peer: Peer): readonly Figures[][] => seen.get(peer) ?? [];
  const [tgt, ...ours] = peers;
  for (const [p, { name }] of PATTERNS.entries()) {
    const rate = (peer: Peer): string =>
      median(figures(peer)[p].map(({ perSecond }) => perSecond))
        .toFixed(0)
        .padStart(6);
    const cpu = (peer: Peer): string =>
      median(figures(peer)[p].map((one) => one.cpu))
        .toFixed(0)
        .padStart(4);
    const words = ours.map((one) => {
      const ratios = figures(one)[p].map(({ perSecond }, round) => perSecond / figures(tgt)[p][round].perSecond);
      return `   ${one.name} ${rate(one)}/s ${cpu(one)} us, ratio ${median(ratios).toFixed(2)}`;
    });
    console.log(`${kind} ${name.padEnd(8)} tgtd ${rate(tgt)}/s ${cpu(tgt)} us${words.join('')}`);
  }
  for (const { name, pid } of ours) {
    const memory = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    console.log(`${name}: peak memory ${(Number(memory) / 1024).toFixed(0)} MiB`);
  }
}

const [rounds = '5', kind = 'write', ...others] = process.argv.slice(2);
if (!(Number(rounds) >= 1) || (kind !== 'write' && kind !== 'read')) {
  console.error('usage: npm run bench:target -- [ROUNDS] [write|read] [COMMAND ...]');
  process.exit(2);
}
const folder = mkdtempSync('/dev/shm/tapmirror-target-');
const lab = new TargetLab();
const children: ChildProcess[] = [];
try {
  const luns = [{ lun: 1, image: image(join(folder, 'tgtd.img')), blockSize: 512, params: [] }];
  const tgt = await lab.tgt({ portals: [`127.0.0.1:${TGTD}`], control: CONTROL, target: IQN, luns });
  const peers: Peer[] = [{ name: 'tgtd', port: TGTD, pid: tgt.pid }];
  const own = `${process.execPath} ${fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))}`;
  for (const [n, command] of [own, ...others].entries()) {
    const { peer, child } = await serving(n, command.split(' '), folder);
    peers.push(peer);
    children.push(child);
  }
  contend(kind, Number(rounds), peers);
} finally {
  for (const child of children) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await ended;
  }
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
