/**
 * `npm run bench:tee -- [ROUNDS] [file|iscsi] [COMMAND ...]`: operations a second of `qemu-img bench` writes to a tgtd with a
 * file in memory: directly, through HAProxy in TCP mode, and through the tee while it decodes and mirrors, onto a file in
 * memory or onto a second tgtd. All paths in turn in every round; ratios are taken within a round, and their medians shown.
 *
 * Every further COMMAND (`node OTHER/dist/src/cli/launch.cjs`) is one more unit beside this one's, measured as it is; `watched`
 * is this one's with metrics and status page, and `status --watch`, a page and metrics look at it while it is measured (see
 * `bench:watched` for what each of them costs). At the end every mirror must equal the first volume. Needs root, tgt, haproxy, qemu-utils and qemu-block-extra.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TargetLab } from '../live/initiatorLab.ts';
import { inTurn, median } from './figures.ts';
import {
  answers,
  bench,
  DIRECT,
  endAll,
  IQN,
  image,
  ownCommand,
  PATTERNS,
  type Path,
  type Pattern,
  settled,
  startUnit,
  used,
  watcher,
} from './teeLab.ts';

const HAPROXY = 14601;
/** Of the first unit, and of the first second volume; further ones above. */
const TEES = 14610;
const SECONDS = 14630;
const CONTROLS = 7560;
const WEBS = 14650;

interface Figures {
  perSecond: number;
  /** Processor microseconds of the unit for each operation; 0 where there is none. */
  cpu: number;
}

async function measure(pattern: Pattern, { port, unit, watch }: Path): Promise<Figures> {
  await watch?.('all');
  const before = unit ? used(unit.process) : 0;
  const perSecond = bench(pattern, port);
  await watch?.('off');
  return { perSecond, cpu: unit ? ((used(unit.process) - before) * 1e6) / pattern.count : 0 };
}

function haproxy(folder: string): ChildProcess {
  const path = join(folder, 'haproxy.cfg');
  const timeouts = ['connect', 'client', 'server'].map((what) => `  timeout ${what} 60s`).join('\n');
  const proxy = `listen tee\n  bind 127.0.0.1:${HAPROXY}\n  server target 127.0.0.1:${DIRECT}\n`;
  writeFileSync(path, `global\n  nbthread 2\ndefaults\n  mode tcp\n${timeouts}\n${proxy}`);
  return spawn('haproxy', ['-f', path, '-db'], { stdio: 'ignore' });
}

async function startPath(
  n: number,
  command: string,
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
  const control = join(folder, `control-${n}`);
  const volumes = [{ lu: `${IQN}/1`, first: `iscsi://127.0.0.1:${DIRECT}/${IQN}/1`, mirrors: [mirror] }];
  const source = { tee: { listen: `127.0.0.1:${port}`, target: `127.0.0.1:${DIRECT}` } };
  const listen = `127.0.0.1:${WEBS + n}`;
  const more = { log: { level: 'warn' }, ...(watched ? { web: { listen } } : {}) };
  const config = { source, state: join(folder, `state-${n}`), control, volumes, ...more };
  const child = await startUnit(command, join(folder, `unit-${n}.json`), config);
  children.push(child);
  const path = {
    name: n === 0 ? 'tee' : watched ? 'watched' : `tee ${n + 1}`,
    port,
    unit: { process: child, control, image: second },
  };
  if (!watched) return path;
  const { process: looking, watch } = watcher(WEBS + n, control);
  children.push(looking);
  return { ...path, watch };
}

function show(kind: string, paths: readonly Path[], figures: (path: Path) => readonly Figures[][]): void {
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
  for (const path of paths) await settled(path);
  show(kind, paths, await inTurn(rounds, paths, PATTERNS, measure));
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
  const own = ownCommand();
  for (const [n, command] of [own, ...others].entries()) {
    const watched = command === 'watched';
    paths.push(await startPath(n, watched ? own : command, lab, folder, kind, watched));
  }
  await contend(kind, Number(rounds), paths);
  await compare(first, paths.slice(2));
} finally {
  await endAll(children);
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
