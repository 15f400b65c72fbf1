/**
 * `npm run bench:target -- [ROUNDS] [write|read] [COMMAND ...]`: operations a second of `qemu-img bench` at tgtd and at
 * `tapmirror serve`, each with a file in memory of the same length and its write cache on. Both in turn in every round;
 * ratios are taken within a round, and their medians shown, with the target's processor time for an operation.
 *
 * Every further COMMAND (`node OTHER/dist/src/cli/launch.cjs`) is one more target beside this one, measured as it is. Needs
 * root, tgt, qemu-utils and qemu-block-extra.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TargetLab } from '../live/initiatorLab.ts';
import { inTurn, median } from './figures.ts';
import { endAll, image, ownCommand, used } from './teeLab.ts';

const IQN = 'iqn.2024-01.lab.example:target';
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
  process: Pick<ChildProcess, 'pid'>;
}

interface Figures {
  perSecond: number;
  /** Processor microseconds of the target for each operation. */
  cpu: number;
}

function measure(kind: string, { count, depth, bytes, step }: Pattern, { port, process }: Peer): Figures {
  const load = ['-c', count, '-d', depth, '-s', bytes, '-S', step].map(String);
  const words = ['bench', '-f', 'raw', '-t', 'none', ...(kind === 'write' ? ['-w'] : []), ...load];
  const before = used(process);
  const said = execFileSync('qemu-img', [...words, `iscsi://127.0.0.1:${port}/${IQN}/1`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const perSecond = count / Number(/in ([0-9.]+) sec/.exec(said)?.[1]);
  return { perSecond, cpu: ((used(process) - before) * 1e6) / count };
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
    if (line.startsWith('ready')) return { peer: { name, port, process: child }, child };
  }
  throw new Error(`the target ended before it was ready: ${command.join(' ')}`);
}

async function contend(kind: string, rounds: number, peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) for (const pattern of PATTERNS) measure(kind, pattern, peer);
  const figures = await inTurn(rounds, peers, PATTERNS, (pattern, peer) => measure(kind, pattern, peer));
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
  for (const { name, process } of ours) {
    const memory = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${process.pid}/status`, 'latin1'))?.[1];
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
  const peers: Peer[] = [{ name: 'tgtd', port: TGTD, process: tgt }];
  for (const [n, command] of [ownCommand(), ...others].entries()) {
    const { peer, child } = await serving(n, command.split(' '), folder);
    peers.push(peer);
    children.push(child);
  }
  await contend(kind, Number(rounds), peers);
} finally {
  await endAll(children);
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
