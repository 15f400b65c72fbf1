/** The near end of `journey.ts`, a process of its own: replays a capture, or makes changes, onto a volume at another unit. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import type { JourneyVolume, LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../src/unit/link/journeyVolume.ts';
import { replay } from '../../src/unit/replay/replay.ts';
import { journeyOptions } from '../kit/journey.ts';

export interface NearOrder {
  port: number;
  keys: LinkKeys;
  volumeBytes: number;
  work: { kind: 'replay'; capture: string; lu: string } | { kind: 'mix'; bytes: number };
}

export interface NearResult {
  seconds: number;
  /** Of the processor. */
  used: number;
  /** Of changes, and on the wire for them. */
  changed: number;
  wire: number;
}

const MIB = 1024 * 1024;
const BLOCK = 512;
/** What an ordered mirror has under way. */
const IN_FLIGHT = 16 * MIB;

/** The whole capture, until all of it is durable at the far end. */
async function replayed(volume: JourneyVolume, capture: string, lu: string, volumeBytes: number): Promise<void> {
  const report = await replay(
    {
      kind: 'replay',
      source: { replay: [capture] },
      buffer: { bytes: 32 * MIB, threshold: 0.25, whenFull: 'wait' },
      volumes: [{ lu, portals: [], mirrors: [], blockSize: BLOCK, blocks: volumeBytes / BLOCK }],
      settleMs: 30_000,
      reorder: { bytes: 4 * MIB, ms: 1000 },
    },
    { further: () => [{ to: 'far', volume }] },
  );
  const [{ unresolvedBlocks }] = report.volumes;
  if (unresolvedBlocks > 0) throw new Error(`${unresolvedBlocks} blocks are unresolved`);
}

/** Half of the bytes in runs one behind the other, half anywhere; changes of 4 KiB to 256 KiB, each length as often. */
async function mixed(volume: JourneyVolume, bytes: number, volumeBytes: number): Promise<void> {
  const data = randomBytes(IN_FLIGHT);
  const lengths = [4, 8, 16, 32, 64, 128, 256].map((kib) => kib * 1024);
  let under = 0;
  let wake = (): void => undefined;
  let next = 0;
  let made = 0;
  for (let n = 0; made < bytes; n++) {
    const length = lengths[n % lengths.length];
    const random = Math.floor((Math.random() * (volumeBytes - length)) / 4096) * 4096;
    const offset = n % 2 === 0 ? random : next;
    if (n % 2 === 1) next = (next + length) % (volumeBytes - 256 * 1024);
    const at = (made * 7919) % (data.length - length);
    const pieces = [{ offset, length, payload: [data.subarray(at, at + length)] }];
    const entry: OrderedEntry = { kind: 'change', at: BigInt(Date.now()) * 1_000_000n, pieces, consistent: true };
    made += length;
    under += length;
    void volume.append(entry).then(() => {
      under -= length;
      wake();
    });
    while (under >= IN_FLIGHT) await new Promise<void>((resolve) => (wake = resolve));
  }
  // Everything before it is older than any window of a bench.
  const later = BigInt(Date.now() + 60_000) * 1_000_000n;
  await volume.append({ kind: 'state', at: later, consistent: true });
}

const [order] = (await once(process, 'message')) as [NearOrder];
const volume = await openJourneyVolume(journeyOptions(order.port, order.keys, { bytes: order.volumeBytes }));
const { wireBytes } = volume.link;
const before = process.cpuUsage();
const started = performance.now();
if (order.work.kind === 'replay') await replayed(volume, order.work.capture, order.work.lu, order.volumeBytes);
else await mixed(volume, order.work.bytes, order.volumeBytes);
await volume.flush().catch(() => undefined);
const { user, system } = process.cpuUsage(before);
const result: NearResult = {
  used: (user + system) / 1e6,
  seconds: (performance.now() - started) / 1000,
  changed: volume.link.entryBytes,
  wire: volume.link.wireBytes - wireBytes,
};
process.send?.(result, () => process.exit(0));
