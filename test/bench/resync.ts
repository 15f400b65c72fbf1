/**
 * A volume of 1 GiB of which 1 % of the 4 KiB blocks differ at random, brought up to date over a link by block tables that are
 * current at both ends (requirement D4), against `rsync --inplace --no-whole-file` over the same two images, in turn:
 * `node dist/test/bench/resync.js [ROUNDS] [MIB]`. Both ends of the link are processes of their own, as rsync's are. What
 * is measured ends when the far volume is durable; rsync makes nothing durable. A last round goes through a proxy
 * that counts the bytes of both directions.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openFileVolume } from '../../hw/files.ts';
import type { Piece } from '../../src/base/change.ts';
import { Room } from '../../src/buffer/room.ts';
import { Unresolved } from '../../src/record/unresolved.ts';
import { nearSums } from '../../src/unit/blockTable/blockTableNear.ts';
import { tabledStore, tabledVolume } from '../../src/unit/blockTable/blockTableOpen.ts';
import { TabledVolume } from '../../src/unit/blockTable/blockTableVolume.ts';
import { openPlainStore } from '../../src/unit/history/plainStore.ts';
import type { LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../src/unit/link/journeyVolume.ts';
import { VolumeUnit } from '../../src/unit/mirror/volumeUnit.ts';
import { Random } from '../fuzz/random.ts';
import { CutProxy } from '../kit/cutProxy.ts';
import { Authority, journeyOptions, monotonic, serve } from '../kit/journey.ts';
import { median } from './figures.ts';

const MIB = 1024 * 1024;
const BLOCK = 4096;
const SHARE = 0.01;
const BENCH_EPOCH = '0badcafe-89ab-4def-8123-456789abcdef';

interface FarOrder {
  folder: string;
  keys: LinkKeys;
}

/** Blocks that are to differ, of a round. */
function blocksOf(bytes: number, round: number): number[] {
  const random = new Random(20_261_121, round);
  const blocks = bytes / BLOCK;
  const chosen = new Set<number>();
  while (chosen.size < Math.round(blocks * SHARE)) chosen.add(random.below(blocks));
  return [...chosen].sort((a, b) => a - b);
}

/** The far end, a process of its own. */
async function far({ folder, keys }: FarOrder): Promise<void> {
  const fail = (text: string): never => {
    throw new Error(text);
  };
  const path = join(folder, 'far.img');
  const volume = await openFileVolume(path, { writable: true });
  const plain = await openPlainStore({ statePath: join(folder, 'far.place'), volume, notice: fail });
  const place = { path: join(folder, 'far.blocks'), medium: path, notice: fail, background: false };
  const store = (await tabledStore(plain, place)) ?? fail('no table');
  let served: { service: { close: () => Promise<void> }; port: number } | undefined;
  process.on('message', async (round: number) => {
    await served?.service.close();
    // As if another unit had written there: the near end knows nothing of it.
    const blocks = blocksOf(store.bytes, round);
    for (const [i, block] of blocks.entries()) {
      const bytes = randomFillSync(new Uint8Array(BLOCK));
      const pieces: Piece[] = [{ offset: block * BLOCK, length: BLOCK, payload: [bytes] }];
      const epoch = BENCH_EPOCH.replace(/^0bad/, `${round}bad`.slice(-4));
      await store.append({ epoch, number: i + 1 }, { kind: 'change', at: 1n, pieces, consistent: true });
    }
    await store.sync();
    await store.scrub.whole();
    served = await serve(keys, { vol1: store });
    process.send?.(served.port);
  });
  process.send?.('open');
}

interface Outcome {
  seconds: number;
  exchanged: number;
}

/** One resync, from connecting until the far volume is equal and durable. */
async function resync(
  folder: string,
  bytes: number,
  keys: LinkKeys,
  port: number,
  local: TabledVolume,
): Promise<number> {
  const first = await openFileVolume(join(folder, 'first.img'), { writable: false });
  const started = performance.now();
  const link = await openJourneyVolume(journeyOptions(port, keys, { bytes }));
  const records = [new Unresolved(), new Unresolved()];
  records[0].addWhole('unseen');
  const unit: VolumeUnit = new VolumeUnit({
    lu: 'bench/0',
    room: new Room({ bytes: 64 * MIB, threshold: 0.25, whenFull: 'lbn' }),
    mirrors: [
      { to: 'journey', volume: link, record: records[0] },
      { to: 'local', volume: kept(local), record: records[1] },
    ],
    first: { name: 'first', volume: first },
    now: monotonic,
    notice: (text) => console.error(text),
    near: () => nearSums({ ...unit.arms[1], volume: local }),
  });
  unit.facts({ lu: 'bench/0', blockSize: 512, blocks: bytes / 512, designators: [] });
  await unit.finish();
  const seconds = (performance.now() - started) / 1000;
  if (!records[0].below(bytes).isEmpty) throw new Error('the far volume is not equal');
  await unit.close();
  await first.close();
  return seconds;
}

/** The local mirror outlives the unit of a round. */
function kept(volume: TabledVolume): TabledVolume {
  return new Proxy(volume, {
    get: (target, key) => {
      const value: unknown = key === 'close' ? async () => undefined : Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function start(order: FarOrder): Promise<ChildProcess> {
  const child = fork(fileURLToPath(import.meta.url), ['far']);
  child.send(order);
  await once(child, 'message');
  return child;
}

async function spoil(path: string, bytes: number, round: number): Promise<void> {
  const file = await open(path, 'r+');
  for (const block of blocksOf(bytes, round)) {
    await file.write(randomFillSync(new Uint8Array(BLOCK)), 0, BLOCK, block * BLOCK);
  }
  await file.close();
}

async function rsync(folder: string): Promise<number> {
  const started = performance.now();
  const args = ['--inplace', '--no-whole-file', '--ignore-times', join(folder, 'first.img'), join(folder, 'rsync.img')];
  await promisify(execFile)('rsync', args);
  return (performance.now() - started) / 1000;
}

async function same(one: string, other: string): Promise<void> {
  await promisify(execFile)('cmp', [one, other]);
}

async function main(rounds: number, bytes: number): Promise<void> {
  const folder = await mkdtemp(join(process.env.TAPMIRROR_BENCH ?? tmpdir(), 'resync-'));
  const path = (name: string): string => join(folder, name);
  try {
    const file = await open(path('first.img'), 'w');
    for (let done = 0; done < bytes; done += MIB) await file.write(randomFillSync(new Uint8Array(MIB)));
    await file.close();
    for (const name of ['far.img', 'local.img', 'rsync.img']) await copyFile(path('first.img'), path(name));
    const authority = await Authority.make();
    const keys = await authority.unit('a');
    const child = await start({ folder, keys: await authority.unit('b') });
    const notice = (text: string): never => {
      throw new Error(text);
    };
    const volume = await openFileVolume(path('local.img'), { writable: true });
    const place = { path: path('local.blocks'), medium: path('local.img'), notice, background: false };
    const local = await tabledVolume(volume, place);
    if (!(local instanceof TabledVolume)) throw new Error('no table');
    await local.scrub.whole();
    const port = async (round: number): Promise<number> => {
      child.send(round);
      const [told] = (await once(child, 'message')) as [number];
      return told;
    };
    const own: number[] = [];
    const theirs: number[] = [];
    for (let round = 1; round <= rounds; round++) {
      const seconds = await resync(folder, bytes, keys, await port(round), local);
      await same(path('first.img'), path('far.img'));
      await spoil(path('rsync.img'), bytes, round);
      const rsynced = await rsync(folder);
      await same(path('first.img'), path('rsync.img'));
      own.push(seconds);
      theirs.push(rsynced);
      console.log(
        `round ${round}: ${seconds.toFixed(2)} s, rsync ${rsynced.toFixed(2)} s, ${(seconds / rsynced).toFixed(3)}`,
      );
    }
    const proxy = await CutProxy.open(await port(rounds + 1));
    const counted: Outcome = {
      seconds: await resync(folder, bytes, keys, proxy.port, local),
      exchanged: proxy.carried,
    };
    await proxy.close();
    await same(path('first.img'), path('far.img'));
    const differing = blocksOf(bytes, rounds + 1).length * BLOCK;
    const ratio = median(own.map((seconds, i) => seconds / theirs[i]));
    const most = 1.3 * differing + MIB;
    console.log(
      `median ${median(own).toFixed(2)} s, rsync ${median(theirs).toFixed(2)} s; median ratio ${ratio.toFixed(3)} (wanted 0.25)`,
    );
    const mib = (n: number): string => (n / MIB).toFixed(2);
    console.log(
      `exchanged ${mib(counted.exchanged)} MiB for ${mib(differing)} MiB that differ (wanted at most ${mib(most)}): ` +
        `${((counted.exchanged - MIB) / differing).toFixed(3)} and 1 MiB`,
    );
    await local.close();
    child.kill();
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[2] === 'far') process.once('message', (order: FarOrder) => void far(order));
else await main(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 1024) * MIB);
