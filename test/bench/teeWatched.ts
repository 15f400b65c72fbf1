/**
 * `npm run bench:watched -- [PAIRS] [VOLUMES] [PATTERN]`: what it costs a tee's data path that somebody looks at the unit. One
 * unit, and short loads through it with and without those who look, in turn (with, without, without, with): `status --watch`, the
 * status page with a volume chosen, and metrics each second. Shown for each: operations a second with / without as the median of
 * the pairs and the interval that it lies in (95 %); the unit's processor time for an operation, with / without; and how many
 * milliseconds of it a second of looking takes of the main thread when nothing else is done. Needs root, tgt, qemu-utils and
 * qemu-block-extra. A machine that does other things beside needs more pairs, not longer ones.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TargetLab } from '../live/initiatorLab.ts';
import { median, medianBetween } from './figures.ts';
import {
  bench,
  DIRECT,
  endAll,
  IQN,
  image,
  type Looking,
  ownCommand,
  PATTERNS,
  type Path,
  type Pattern,
  settled,
  startUnit,
  type Unit,
  used,
  watcher,
} from './teeLab.ts';

const [TEE, WEB, CONTROL] = [14610, 14650, 7560];
const LOOKS: readonly Looking[] = ['status', 'page', 'metrics', 'all'];
/** Long enough for two looks, and short against what else a machine does. */
const LOADS: Readonly<Record<string, number>> = { '4K d1': 8000, '4K d32': 30_000, '64K d8': 6000, '256K d4': 2400 };
const IDLE_MS = 3000;

interface Figures {
  perSecond: number;
  /** Processor microseconds of the unit for each operation. */
  cpu: number;
}

async function measure(
  pattern: Pattern,
  { port, unit, watch }: Required<Path>,
  word: Looking | 'off',
): Promise<Figures> {
  await watch(word);
  const before = used(unit.process);
  const perSecond = bench(pattern, port);
  const cpu = ((used(unit.process) - before) * 1e6) / pattern.count;
  return { perSecond, cpu };
}

function shown(values: readonly number[]): string {
  const [low, high] = medianBetween(values);
  return `${median(values).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

async function contend(path: Required<Path>, pattern: Pattern, pairs: number): Promise<void> {
  for (const word of LOOKS) {
    const ratios: Figures[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const order: (Looking | 'off')[] = pair % 2 === 0 ? [word, 'off'] : ['off', word];
      const seen = new Map<string, Figures>();
      for (const one of order) seen.set(one, await measure(pattern, path, one));
      const [watched, alone] = [seen.get(word), seen.get('off')];
      if (watched === undefined || alone === undefined) continue;
      ratios.push({ perSecond: watched.perSecond / alone.perSecond, cpu: watched.cpu / alone.cpu });
    }
    const rate = shown(ratios.map((one) => one.perSecond));
    const cpu = shown(ratios.map((one) => one.cpu));
    console.log(`${pattern.name.padEnd(8)} ${word.padEnd(8)} operations/s ${rate}   processor an operation ${cpu}`);
  }
}

/** Milliseconds of the main thread in a second. */
async function busy({ process }: Unit): Promise<number> {
  const [before, began] = [used(process, 'main'), performance.now()];
  await sleep(IDLE_MS);
  return ((used(process, 'main') - before) * 1e6) / (performance.now() - began);
}

async function rest({ unit, watch }: Required<Path>): Promise<void> {
  for (const word of LOOKS) {
    const more: number[] = [];
    for (let pair = 0; pair < 5; pair++) {
      await watch('off');
      const alone = await busy(unit);
      await watch(word);
      more.push((await busy(unit)) - alone);
    }
    console.log(`at rest  ${word.padEnd(8)} ${median(more).toFixed(2)} ms of the main thread a second more`);
  }
}

const [pairs = '10', volumes = '1', only] = process.argv.slice(2);
if (!(Number(pairs) >= 1) || !(Number(volumes) >= 1)) {
  console.error('usage: npm run bench:watched -- [PAIRS] [VOLUMES] [PATTERN]');
  process.exit(2);
}
const folder = mkdtempSync('/dev/shm/tapmirror-watched-');
const lab = new TargetLab();
const children: ChildProcess[] = [];
try {
  const luns = [{ lun: 1, image: image(join(folder, 'first.img')), blockSize: 512, params: [] }];
  await lab.tgt({ portals: [`127.0.0.1:${DIRECT}`], control: CONTROL, target: IQN, luns });
  const second = image(join(folder, 'second.img'));
  const idle = Array.from({ length: Number(volumes) - 1 }, (_, i) => ({
    lu: `${IQN}-${i}/1`,
    first: `file:${image(join(folder, `first-${i}.img`), 1 << 20)}`,
    mirrors: [`file:${image(join(folder, `second-${i}.img`), 1 << 20)}`],
  }));
  const control = join(folder, 'control');
  const child = await startUnit(ownCommand(), join(folder, 'unit.json'), {
    source: { tee: { listen: `127.0.0.1:${TEE}`, target: `127.0.0.1:${DIRECT}` } },
    state: join(folder, 'state'),
    control,
    volumes: [{ lu: `${IQN}/1`, first: `iscsi://127.0.0.1:${DIRECT}/${IQN}/1`, mirrors: [`file:${second}`] }, ...idle],
    log: { level: 'warn' },
    web: { listen: `127.0.0.1:${WEB}` },
  });
  children.push(child);
  const looking = watcher(WEB, control);
  children.push(looking.process);
  const path = { name: 'tee', port: TEE, unit: { process: child, control, image: second }, watch: looking.watch };
  await settled(path);
  await rest(path);
  for (const pattern of PATTERNS.filter(({ name }) => only === undefined || name === only)) {
    const load = { ...pattern, count: LOADS[pattern.name] };
    bench(load, TEE);
    await contend(path, load, Number(pairs));
  }
} finally {
  await endAll(children);
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
