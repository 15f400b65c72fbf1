/**
 * `npm run bench:tee -- [ROUNDS] [file|iscsi] [COMMAND ...]`: operations a second of `qemu-img bench` writes to a tgtd with a
 * file in memory: directly, through HAProxy in TCP mode, and through the tee while it decodes and mirrors, onto a file in
 * memory or onto a second tgtd. All paths in turn in every round; ratios are taken within a round, and their medians shown.
 *
 * Every further COMMAND (`node OTHER/dist/src/cli/launch.cjs`) is one more unit beside this one's, measured as it is; `watched`
 * is this one's with metrics and status page, all of which is read each second while it is measured. At the end every mirror must equal the first volume. Needs root, tgt, haproxy, qemu-utils and qemu-block-extra.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { askControl } from '../../hw/controlClient.ts';
import type { UnitStatus } from '../../src/unit/status.ts';
import { TargetLab } from '../live/initiatorLab.ts';
import { repositoryRoot } from '../repository.ts';

const IQN = 'iqn.2024-01.lab.example:tee';
const SIZE = 1 << 30;
const DIRECT = 14600;
const HAPROXY = 14601;
/** Of the first unit, and of the first second volume; further ones above. */
const TEES = 14610;
const SECONDS = 14630;
const CONTROLS = 7560;
const WEBS = 14650;
const PATTERNS = [
  { name: '4K d1', count: 4000, depth: 1, bytes: 4096, step: 4_198_400 },
  { name: '4K d32', count: 25_000, depth: 32, bytes: 4096, step: 4_198_400 },
  { name: '64K d8', count: 3000, depth: 8, bytes: 65_536, step: 65_536 },
  { name: '256K d4', count: 1200, depth: 4, bytes: 262_144, step: 262_144 },
] as const;
type Pattern = (typeof PATTERNS)[number];

interface Path {
  name: string;
  port: number;
  unit?: { process: ChildProcess; control: string; image: string };
  /** Has somebody look at the unit, or no longer. */
  watch?: (word: 'on' | 'off') => Promise<void>;
}

interface Figures {
  perSecond: number;
  /** Processor microseconds of the unit for each operation; 0 where there is none. */
  cpu: number;
}

function bench({ count, depth, bytes, step }: Pattern, port: number, ...more: string[]): number {
  const load = ['-c', count, '-d', depth, '-s', bytes, '-S', step].map(String);
  const words = ['bench', '-f', 'raw', '-t', 'none', '-w', ...more, ...load, `iscsi://127.0.0.1:${port}/${IQN}/1`];
  const said = execFileSync('qemu-img', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return count / Number(/in ([0-9.]+) sec/.exec(said)?.[1]);
}

/** Processor seconds that a process has used (proc(5)). */
function used(child: ChildProcess): number {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function measure(pattern: Pattern, { port, unit, watch }: Path): Promise<Figures> {
  await watch?.('on');
  const before = unit ? used(unit.process) : 0;
  const perSecond = bench(pattern, port);
  await watch?.('off');
  return { perSecond, cpu: unit ? ((used(unit.process) - before) * 1e6) / pattern.count : 0 };
}

function image(path: string): string {
  writeFileSync(path, '');
  truncateSync(path, SIZE);
  return path;
}

async function answers(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const socket = connect(port, '127.0.0.1');
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (up) return;
    await sleep(100);
  }
  throw new Error(`nobody listens on port ${port}`);
}

function haproxy(folder: string): ChildProcess {
  const path = join(folder, 'haproxy.cfg');
  const timeouts = ['connect', 'client', 'server'].map((what) => `  timeout ${what} 60s`).join('\n');
  const proxy = `listen tee\n  bind 127.0.0.1:${HAPROXY}\n  server target 127.0.0.1:${DIRECT}\n`;
  writeFileSync(path, `global\n  nbthread 2\ndefaults\n  mode tcp\n${timeouts}\n${proxy}`);
  return spawn('haproxy', ['-f', path, '-db'], { stdio: 'ignore' });
}

async function startUnit(
  n: number,
  command: readonly string[],
  lab: TargetLab,
  folder: string,
  kind: string,
  watched: boolean,
): Promise<Path> {
  const [second, port] = [image(join(folder, `second-${n}.img`)), TEES + n];
  let mirror = `file:${second}`;
  if (kind === 'iscsi') {
    const target = `${IQN}-second-${n}`;
    const luns = [{ lun: 1, image: second, blockSize: 512, params: [] }];
    await lab.tgt({ portals: [`127.0.0.1:${SECONDS + n}`], control: CONTROLS + 1 + n, target, luns });
    mirror = `iscsi://127.0.0.1:${SECONDS + n}/${target}/1`;
  }
  const [config, control] = [join(folder, `unit-${n}.json`), join(folder, `control-${n}`)];
  const volumes = [{ lu: `${IQN}/1`, first: `iscsi://127.0.0.1:${DIRECT}/${IQN}/1`, mirrors: [mirror] }];
  const source = { tee: { listen: `127.0.0.1:${port}`, target: `127.0.0.1:${DIRECT}` } };
  const listen = `127.0.0.1:${WEBS + n}`;
  const more = { log: { level: 'warn' }, ...(watched ? { web: { listen } } : {}) };
  writeFileSync(config, JSON.stringify({ source, state: join(folder, `state-${n}`), control, volumes, ...more }));
  const [program, ...words] = [...command, 'run', '--config', config];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const name = n === 0 ? 'tee' : watched ? 'watched' : `tee ${n + 1}`;
  const watch = watched ? { watch: watcher(WEBS + n) } : {};
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('ready')) return { name, port, unit: { process: child, control, image: second }, ...watch };
  }
  throw new Error(`the unit ended before it was ready: ${command.join(' ')}`);
}

/** One who looks at a unit: a process of its own, as this one waits while it measures. */
function watcher(port: number): (word: 'on' | 'off') => Promise<void> {
  const script = join(repositoryRoot(), 'dist/test/bench/watcher.js');
  const child = spawn(process.execPath, [script, '127.0.0.1', String(port), `${IQN}/1`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  children.push(child);
  return async (word) => {
    const said = once(lines, 'line');
    child.stdin.write(`${word}\n`);
    await said;
  };
}

/** Everything written so far has reached the mirror. */
async function settled({ unit }: Path): Promise<void> {
  if (unit === undefined) return;
  for (let i = 0; i < 600; i++) {
    const status = (await askControl(unit.control, { do: 'status' })) as UnitStatus;
    if (status.volumes.every(({ mirrors }) => mirrors.every((one) => one.state === 'equal' && one.behindBytes === 0)))
      return;
    await sleep(200);
  }
  throw new Error('the mirror never became equal');
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function show(kind: string, paths: readonly Path[], seen: ReadonlyMap<Path, readonly Figures[][]>): void {
  const figures = (path: Path): readonly Figures[][] => seen.get(path) ?? [];
  const ratio = (of: Path, to: Path, p: number): number =>
    median(figures(of)[p].map(({ perSecond }, round) => perSecond / figures(to)[p][round].perSecond));
  const [direct, proxy, ...tees] = paths;
  // What the acceptance check asks for: HAProxy's rate where the mirror is a file, a share of direct where it is an LU.
  const peer = kind === 'file' ? proxy : direct;
  for (const [p, { name }] of PATTERNS.entries()) {
    const rate = median(figures(direct)[p].map(({ perSecond }) => perSecond)).toFixed(0);
    const shares = tees.map((tee) => {
      const cpu = median(figures(tee)[p].map((one) => one.cpu)).toFixed(0);
      const of = `${ratio(tee, direct, p).toFixed(2)} of direct, ${ratio(tee, proxy, p).toFixed(2)} of haproxy`;
      return `   ${tee.name} ${of}, ${cpu} us`;
    });
    console.log(
      `${name.padEnd(8)} direct ${rate.padStart(6)}/s   haproxy ${ratio(proxy, direct, p).toFixed(2)}${shares.join('')}`,
    );
  }
  for (const tee of tees) {
    const ratios = PATTERNS.map((_, p) => ratio(tee, peer, p));
    const mean = Math.exp(ratios.reduce((sum, one) => sum + Math.log(one), 0) / ratios.length);
    const memory = /VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${tee.unit?.process.pid}/status`, 'latin1'))?.[1];
    const least = Math.min(...ratios).toFixed(2);
    const peak = (Number(memory) / 1024).toFixed(0);
    console.log(
      `${tee.name} / ${peer.name}: geometric mean ${mean.toFixed(2)}, least ${least}; peak memory ${peak} MiB`,
    );
  }
}

async function contend(kind: string, rounds: number, paths: readonly Path[]): Promise<void> {
  const seen = new Map<Path, Figures[][]>(paths.map((path) => [path, PATTERNS.map(() => [])]));
  for (const path of paths) await settled(path);
  for (let round = 0; round < rounds; round++) {
    for (const [p, pattern] of PATTERNS.entries()) {
      // The first and the last of a round are not always the same.
      const order = round % 2 === 0 ? paths : paths.toReversed();
      for (const path of order) seen.get(path)?.[p].push(await measure(pattern, path));
    }
  }
  show(kind, paths, seen);
}

/** What went directly to the target passed the tees by: one pass of the same bytes through each makes all equal. */
async function compare(first: string, tees: readonly Path[]): Promise<void> {
  for (const tee of tees) for (const pattern of PATTERNS) bench(pattern, tee.port, '--pattern', '165');
  for (const tee of tees) {
    await settled(tee);
    const { status } = spawnSync('cmp', [first, tee.unit?.image ?? '']);
    if (status !== 0) throw new Error(`the mirror of ${tee.name} differs from the first volume`);
  }
}

const [rounds = '5', kind = 'file', ...others] = process.argv.slice(2);
if (!(Number(rounds) >= 1) || (kind !== 'file' && kind !== 'iscsi')) {
  console.error('usage: npm run bench:tee -- [ROUNDS] [file|iscsi] [COMMAND ...]');
  process.exit(2);
}
const folder = mkdtempSync('/dev/shm/tapmirror-tee-');
const lab = new TargetLab();
const children: ChildProcess[] = [];
try {
  const first = image(join(folder, 'first.img'));
  const luns = [{ lun: 1, image: first, blockSize: 512, params: [] }];
  await lab.tgt({ portals: [`127.0.0.1:${DIRECT}`], control: CONTROLS, target: IQN, luns });
  children.push(haproxy(folder));
  await answers(HAPROXY);
  const paths: Path[] = [
    { name: 'direct', port: DIRECT },
    { name: 'haproxy', port: HAPROXY },
  ];
  const own = `${process.execPath} ${join(repositoryRoot(), 'dist/src/cli/launch.cjs')}`;
  for (const [n, command] of [own, ...others].entries()) {
    const watched = command === 'watched';
    const path = await startUnit(n, (watched ? own : command).split(' '), lab, folder, kind, watched);
    paths.push(path);
    if (path.unit) children.push(path.unit.process);
  }
  await contend(kind, Number(rounds), paths);
  await compare(first, paths.slice(2));
} finally {
  for (const child of children) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await ended;
  }
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
