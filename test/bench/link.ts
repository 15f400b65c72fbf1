/**
 * The journey link over the loopback against a bare Node TLS stream of the same bytes, both ends a process each, in turn:
 * `node dist/test/bench/link.js [ROUNDS] [MIB] [KIB,KIB...]`. Prints the medians, the median of the paired ratios, and the bytes
 * on the wire for each changed byte. Then, unless lengths of changes were given, what a comparison of 1 GiB costs of which 1 % of the
 * 4 KiB pages differ.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { JourneyVolume, LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../src/unit/link/journeyVolume.ts';
import { Authority, journeyOptions } from '../kit/journey.ts';
import { median } from './figures.ts';
import type { FarOrder } from './linkFar.ts';

const VOLUME_BYTES = 64 * 1024 * 1024;
const COMPARED_BYTES = 1024 * 1024 * 1024;
const PAGE = 4096;
/** What an ordered mirror has under way. */
const IN_FLIGHT = 16 * 1024 * 1024;

/** What one run gave: MB/s, and nanoseconds of processor for each byte at either end. */
interface Run {
  rate: number;
  near: number;
  far: number;
}

async function start(order: FarOrder): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(new URL('./linkFar.js', import.meta.url)));
  child.send(order);
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

/** Somewhere to put bytes, in runs of one length. */
interface Sink {
  /** Resolves once the next run may be put. */
  put(): Promise<void> | undefined;
  /** Everything put so far has come to its end. */
  all(): Promise<unknown>;
  /** Bytes on the wire for each byte. */
  wire(): number;
  close(): Promise<void>;
}

/** `bytes` after as many for warming up, against a far end of its own. */
async function run(
  order: FarOrder,
  sink: (port: number) => Promise<Sink>,
  bytes: number,
  step: number,
): Promise<Run & { wire: number }> {
  const { child, port } = await start(order);
  const { put, all, wire, close } = await sink(port);
  const pass = async (): Promise<void> => {
    for (let left = bytes; left > 0; left -= step) {
      const wait = put();
      if (wait) await wait;
    }
    await all();
  };
  const far = async (): Promise<number> => {
    child.send('processor');
    const [ns] = (await once(child, 'message')) as [number];
    return ns;
  };
  await pass();
  await far();
  const before = process.cpuUsage();
  const started = performance.now();
  await pass();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  const processor = { near: ((user + system) * 1000) / bytes, far: (await far()) / bytes };
  const share = wire();
  await close();
  child.kill();
  return { rate: bytes / 1e6 / seconds, ...processor, wire: share };
}

async function bareSink(port: number, keys: LinkKeys, step: number): Promise<Sink> {
  const wire = connectTcp(port, '127.0.0.1');
  const socket = connectTls({ ...keys, socket: wire, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const data = randomBytes(step);
  return {
    put: () => (socket.write(data) ? undefined : once(socket, 'drain').then(() => undefined)),
    all: () => once(socket, 'data'),
    wire: () => wire.bytesWritten / socket.bytesWritten,
    close: async () => void socket.destroy(),
  };
}

async function linkSink(port: number, keys: LinkKeys, step: number): Promise<Sink> {
  const volume = await openJourneyVolume(journeyOptions(port, keys));
  const data = randomBytes(IN_FLIGHT);
  let sent = 0;
  let under = 0;
  let wake = (): void => undefined;
  return {
    put: () => {
      const offset = (sent * 7919) % (VOLUME_BYTES - step);
      const at = sent % (IN_FLIGHT - step + 1);
      const piece = { offset, length: step, payload: [data.subarray(at, at + step)] };
      sent += step;
      under += step;
      void volume.append({ kind: 'change', at: BigInt(sent), pieces: [piece], consistent: true }).then(() => {
        under -= step;
        wake();
      });
      return under < IN_FLIGHT ? undefined : new Promise<void>((resolve) => (wake = resolve));
    },
    all: () => volume.flush(),
    wire: () => volume.link.wireBytes / volume.link.entryBytes,
    close: () => volume.close(),
  };
}

async function throughput(
  keys: { a: LinkKeys; b: LinkKeys },
  rounds: number,
  bytes: number,
  steps: readonly number[],
): Promise<void> {
  const order = { keys: keys.b, volumeBytes: VOLUME_BYTES, kept: false, answerEvery: bytes };
  for (const step of steps) {
    const ours: Run[] = [];
    const theirs: Run[] = [];
    let wire = 0;
    for (let round = 0; round < rounds; round++) {
      theirs.push(await run({ ...order, kind: 'bare' }, (port) => bareSink(port, keys.a, step), bytes, step));
      const link = await run({ ...order, kind: 'link' }, (port) => linkSink(port, keys.a, step), bytes, step);
      ours.push(link);
      wire = link.wire;
    }
    const rates = (runs: readonly Run[]): string =>
      median(runs.map(({ rate }) => rate))
        .toFixed(0)
        .padStart(5);
    const ratio = median(ours.map(({ rate }, i) => rate / theirs[i].rate)).toFixed(2);
    const most = ({ near, far }: Run): number => Math.max(near, far);
    const cpu = median(ours.map((one, i) => most(theirs[i]) / most(one))).toFixed(2);
    const ends = (runs: readonly Run[]): string =>
      [runs.map(({ near }) => near), runs.map(({ far }) => far)].map((all) => median(all).toFixed(2)).join('+');
    const name = `${step / 1024} KiB`.padEnd(9);
    const figures = `TLS ${rates(theirs)} MB/s  link ${rates(ours)} MB/s  ratio ${ratio}`;
    const needs = `processor ${ends(theirs)} and ${ends(ours)} ns/byte, ratio ${cpu}`;
    console.log(`${name} ${figures}  ${needs}  wire ${wire.toFixed(4)}`);
  }
}

/** Both sides hold the same but for 1 % of the pages; compared in runs of 1 MiB, four at a time, and mended. */
async function comparison(keys: { a: LinkKeys; b: LinkKeys }): Promise<void> {
  const { child, port } = await start({
    kind: 'link',
    keys: keys.b,
    volumeBytes: COMPARED_BYTES,
    kept: true,
    answerEvery: 0,
  });
  const volume = await openJourneyVolume(journeyOptions(port, keys.a));
  const image = new Uint8Array(COMPARED_BYTES);
  const step = 1024 * 1024;
  for (let at = 0; at < image.length; at += step) {
    image.set(randomBytes(step), at);
    const pieces = [{ offset: at, length: step, payload: [image.subarray(at, at + step)] }];
    await volume.append({ kind: 'copy', at: 0n, pieces, consistent: false });
  }
  const pages = image.length / PAGE;
  const differing = new Set<number>();
  while (differing.size < pages / 100) differing.add(randomInt(pages));
  for (const page of differing) image.set(randomBytes(PAGE), page * PAGE);
  const before = volume.link.wireBytes;
  const started = performance.now();
  const found = await compareAll(volume, image, step);
  const seconds = (performance.now() - started) / 1000;
  const changed = differing.size * PAGE;
  const wire = volume.link.wireBytes - before;
  const limit = 1.3 * changed + 1024 * 1024;
  console.log(
    `compared  ${(image.length / 1e6 / seconds).toFixed(0)} MB/s in ${seconds.toFixed(2)} s, ${found} bytes found of ${changed}`,
  );
  console.log(`          ${wire} bytes sent, answers not counted; ${(wire / limit).toFixed(2)} of the limit`);
  await volume.close();
  child.kill();
}

async function compareAll(volume: JourneyVolume, image: Uint8Array, step: number): Promise<number> {
  let found = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < image.length) {
      const at = next;
      next += step;
      const pieces = await volume.differing(at, image.subarray(at, at + step));
      for (const { length } of pieces) found += length;
      if (pieces.length > 0) await volume.append({ kind: 'copy', at: 0n, pieces, consistent: false });
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  return found;
}

async function main(): Promise<void> {
  const authority = await Authority.make();
  const keys = { a: await authority.unit('a'), b: await authority.unit('b') };
  const [rounds = '5', mebibytes = '512', given] = process.argv.slice(2);
  const steps = (given ?? '4,64,256,1024').split(',').map((kib) => Number(kib) * 1024);
  await throughput(keys, Number(rounds), Number(mebibytes) * 1024 * 1024, steps);
  if (given === undefined) await comparison(keys);
}

await main();
