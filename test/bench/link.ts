/**
 * The journey link over the loopback against a bare Node TLS stream of the same bytes, both ends a process each, in turn:
 * `node dist/test/bench/link.js [ROUNDS] [MIB]`. Prints the medians, the median of the paired ratios, and the bytes on the wire
 * for each changed byte. Then what a comparison of 1 GiB costs of which 1 % of the 4 KiB pages differ.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { EntryPlace, FarStore } from '../../src/base/ordered.ts';
import type { JourneyVolume, LinkKeys } from '../../src/unit/journeyTypes.ts';
import { openJourneyVolume } from '../../src/unit/journeyVolume.ts';
import { serveLink } from '../../src/unit/receiver.ts';
import { applyPiece } from '../kit/farStore.ts';
import { Authority, journeyOptions, monotonic } from '../kit/journey.ts';

const VOLUME_BYTES = 64 * 1024 * 1024;
const COMPARED_BYTES = 1024 * 1024 * 1024;
const PAGE = 4096;
/** What an ordered mirror has under way. */
const IN_FLIGHT = 16 * 1024 * 1024;

interface Order {
  kind: 'link' | 'bare';
  keys: LinkKeys;
  volumeBytes: number;
}

/** Keeps nothing, or all of it in memory: the link is what is measured. */
class BenchStore implements FarStore {
  readonly blockSize = 512;
  readonly incarnation = randomUUID();
  readonly consistent = true;
  readonly bytes: number;
  durable: EntryPlace | undefined;
  readonly #memory: Uint8Array | undefined;

  constructor(bytes: number, kept: boolean) {
    this.bytes = bytes;
    this.#memory = kept ? new Uint8Array(bytes) : undefined;
  }

  async append(place: EntryPlace, entry: Parameters<FarStore['append']>[1]): Promise<void> {
    if (this.#memory && 'pieces' in entry) for (const piece of entry.pieces) applyPiece(this.#memory, piece);
    this.durable = place;
  }

  async sync(): Promise<void> {}
  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#memory) into.set(this.#memory.subarray(offset, offset + into.length));
  }
  async grow(): Promise<void> {}
  async close(): Promise<void> {}
}

async function far({ kind, keys, volumeBytes }: Order): Promise<void> {
  if (kind === 'link') {
    const store = new BenchStore(volumeBytes, volumeBytes === COMPARED_BYTES);
    const listen = { host: '127.0.0.1', port: 0 };
    const service = await serveLink({ listen, keys, stores: () => store, notice: console.log, now: monotonic });
    process.send?.(Number(service.portal.split(':').at(-1)));
    return;
  }
  const server = createServer({ ...keys, requestCert: true, minVersion: 'TLSv1.3' }, (socket) => {
    socket.on('data', () => undefined);
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
}

async function start(order: Order): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(import.meta.url), ['far']);
  child.send(order);
  const [port] = (await once(child, 'message')) as [number];
  return { child, port };
}

/** MB/s of `bytes` in writes of `step`, until the other side has closed. */
async function bare(port: number, keys: LinkKeys, bytes: number, step: number): Promise<number> {
  const wire = connectTcp(port, '127.0.0.1');
  const socket = connectTls({ ...keys, socket: wire, checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const data = randomBytes(step);
  const started = performance.now();
  for (let left = bytes; left > 0; left -= step) if (!socket.write(data)) await once(socket, 'drain');
  socket.end();
  socket.resume();
  await once(socket, 'close');
  return bytes / (performance.now() - started) / 1000;
}

/** MB/s of `bytes` in changes of `step`, until the last is durable, and bytes on the wire for each. */
async function linked(
  port: number,
  keys: LinkKeys,
  bytes: number,
  step: number,
): Promise<[rate: number, wire: number]> {
  const volume = await openJourneyVolume(journeyOptions(port, keys));
  const data = randomBytes(IN_FLIGHT);
  const started = performance.now();
  let under = 0;
  let wake = (): void => undefined;
  for (let sent = 0; sent < bytes; sent += step) {
    const offset = (sent * 7919) % (VOLUME_BYTES - step);
    const at = sent % (IN_FLIGHT - step + 1);
    const piece = { offset, length: step, payload: [data.subarray(at, at + step)] };
    under += step;
    void volume.append({ kind: 'change', at: BigInt(sent), pieces: [piece], consistent: true }).then(() => {
      under -= step;
      wake();
    });
    while (under >= IN_FLIGHT) await new Promise<void>((resolve) => (wake = resolve));
  }
  await volume.flush();
  const rate = bytes / (performance.now() - started) / 1000;
  const { wireBytes, entryBytes } = volume.link;
  await volume.close();
  return [rate, wireBytes / entryBytes];
}

async function throughput(keys: { a: LinkKeys; b: LinkKeys }, rounds: number, bytes: number): Promise<void> {
  for (const step of [4096, 65536, 262144, 1048576]) {
    const ours: number[] = [];
    const theirs: number[] = [];
    let wire = 0;
    for (let round = 0; round < rounds; round++) {
      const peer = await start({ kind: 'bare', keys: keys.b, volumeBytes: VOLUME_BYTES });
      theirs.push(await bare(peer.port, keys.a, bytes, step));
      peer.child.kill();
      const link = await start({ kind: 'link', keys: keys.b, volumeBytes: VOLUME_BYTES });
      const [rate, share] = await linked(link.port, keys.a, bytes, step);
      link.child.kill();
      ours.push(rate);
      wire = share;
    }
    const ratio = median(ours.map((value, i) => value / theirs[i]));
    const figures = `TLS ${median(theirs).toFixed(0).padStart(5)} MB/s  link ${median(ours).toFixed(0).padStart(5)} MB/s`;
    console.log(`${`${step / 1024} KiB`.padEnd(9)} ${figures}  ratio ${ratio.toFixed(2)}  wire ${wire.toFixed(4)}`);
  }
}

/** Both sides hold the same but for 1 % of the pages; compared in runs of 1 MiB, four at a time, and mended. */
async function comparison(keys: { a: LinkKeys; b: LinkKeys }): Promise<void> {
  const { child, port } = await start({ kind: 'link', keys: keys.b, volumeBytes: COMPARED_BYTES });
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

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

async function main(): Promise<void> {
  const authority = await Authority.make();
  const keys = { a: await authority.unit('a'), b: await authority.unit('b') };
  await throughput(keys, Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 512) * 1024 * 1024);
  await comparison(keys);
}

if (process.argv[2] === 'far') process.once('message', (order) => void far(order as Order));
else await main();
