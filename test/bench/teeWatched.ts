/**
 * `npm run bench:watched -- [PAIRS] [VOLUMES] [PATTERN] [WHO]`: what it costs a tee's data path that somebody looks at the
 * unit. One unit under one load that goes on, and spans of a second in which somebody looks and in which nobody does, in turn
 * (with, without, without, with): `status --watch`, the status page with a volume chosen, metrics, all of them, and all of
 * them fifty times as often, which shows on a busy machine what one of each would hide in its noise. Shown for each: operations
 * a second with / without, and the unit's processor time for an operation with / without, as the median of the pairs and the
 * interval that it lies in (95 %); and how many milliseconds of the main thread a second of looking takes while nothing else
 * is done (that alone with 0 pairs). Needs root, tgt, qemu-utils and qemu-block-extra. A machine that does other
 * things beside needs more pairs; there the second figure tells more.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { askControl } from '../../hw/controlClient.ts';
import type { UnitStatus } from '../../src/unit/watch/status.ts';
import { TargetLab } from '../live/initiatorLab.ts';
import { median, medianBetween } from './figures.ts';
import {
  benchWords,
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
const LOOKS: readonly Looking[] = ['status', 'page', 'metrics', 'all', 'fifty'];
const SPAN_MS = 1000;
const REST_MS = 3000;
/** More than any load here gets done. */
const ENDLESS = 100_000_000;
const WARM_OPERATIONS = 3000;

interface Figures {
  perSecond: number;
  /** Processor microseconds of the unit for each operation. */
  cpu: number;
}

/** Writes that the unit has seen. The same is asked in every span. */
async function seen({ control }: Unit): Promise<number> {
  const { volumes } = (await askControl(control, { do: 'status' })) as UnitStatus;
  return volumes[0].changes;
}

async function measure({ unit, watch }: Required<Path>, word: Looking | 'off'): Promise<Figures> {
  const [changes, cpu, began] = [await seen(unit), used(unit.process), performance.now()];
  await watch(word);
  await sleep(Math.max(0, SPAN_MS - (performance.now() - began)));
  const spent = used(unit.process) - cpu;
  const seconds = (performance.now() - began) / 1000;
  const operations = (await seen(unit)) - changes;
  return { perSecond: operations / seconds, cpu: (spent * 1e6) / operations };
}

function shown(values: readonly number[]): string {
  const [low, high] = medianBetween(values);
  return `${median(values).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
}

/** A load without an end; killed by who started it. */
async function load(pattern: Pattern, { port, unit }: Required<Path>): Promise<ChildProcess> {
  const words = benchWords({ ...pattern, count: ENDLESS }, port);
  const child = spawn('qemu-img', words, { stdio: 'ignore' });
  children.push(child);
  const before = await seen(unit);
  while ((await seen(unit)) < before + WARM_OPERATIONS) {
    if (child.exitCode !== null) throw new Error('qemu-img ended');
    await sleep(100);
  }
  return child;
}

async function contend(path: Required<Path>, { name }: Pattern, pairs: number): Promise<void> {
  const ratios = new Map<Looking, Figures[]>();
  const alone: Figures[] = [];
  for (const word of who) {
    const all: Figures[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const order: (Looking | 'off')[] = pair % 2 === 0 ? [word, 'off'] : ['off', word];
      const figures = new Map<string, Figures>();
      for (const one of order) figures.set(one, await measure(path, one));
      const [watched, off] = [figures.get(word), figures.get('off')];
      if (watched === undefined || off === undefined) continue;
      alone.push(off);
      all.push({ perSecond: watched.perSecond / off.perSecond, cpu: watched.cpu / off.cpu });
    }
    ratios.set(word, all);
  }
  const rates = median(alone.map((one) => one.perSecond)).toFixed(0);
  const cost = median(alone.map((one) => one.cpu)).toFixed(1);
  console.log(`${name.padEnd(8)} nobody   ${rates}/s, ${cost} us of the unit's processor time an operation`);
  for (const [word, all] of ratios) {
    const rate = shown(all.map((one) => one.perSecond));
    const cpu = shown(all.map((one) => one.cpu));
    console.log(`${name.padEnd(8)} ${word.padEnd(8)} operations/s ${rate}   processor an operation ${cpu}`);
  }
}

/** Milliseconds of the main thread in a second. */
async function busy({ process }: Unit): Promise<number> {
  const [before, began] = [used(process, 'main'), performance.now()];
  await sleep(REST_MS);
  return ((used(process, 'main') - before) * 1e6) / (performance.now() - began);
}

async function rest({ unit, watch }: Required<Path>): Promise<void> {
  for (const word of who) {
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

const [pairs = '60', volumes = '1', only, wanted] = process.argv.slice(2);
if (!(Number(pairs) >= 0) || !(Number(volumes) >= 1)) {
  console.error('usage: npm run bench:watched -- [PAIRS] [VOLUMES] [PATTERN] [WHO]');
  process.exit(2);
}
const who = LOOKS.filter((one) => wanted === undefined || one === wanted);
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
  const patterns = Number(pairs) === 0 ? [] : PATTERNS;
  for (const pattern of patterns.filter(({ name }) => only === undefined || name === only)) {
    const running = await load(pattern, path);
    await contend(path, pattern, Number(pairs));
    await endAll([running]);
  }
} finally {
  await endAll(children.toReversed());
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
}
