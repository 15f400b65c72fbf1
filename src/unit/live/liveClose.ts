import { setTimeout as pause } from 'node:timers/promises';
import { LateOrderedVolume } from '../link/lateOrdered.ts';
import type { Arm } from '../mirror/arm.ts';
import type { VolumeUnit } from '../mirror/volumeUnit.ts';
import { before } from './before.ts';
import type { Keeper } from './liveTypes.ts';

/** How often it is looked for media that are lost meanwhile. */
const LOOK_MS = 100;

/**
 * Writes what is buffered until `signal` ends that, makes the mirrors durable, and closes them with their records. A medium
 * that is not reached, now or at any time until then, is not waited for: what waits for it enters its record.
 */
export async function closeMirrors(unit: VolumeUnit, keepers: readonly Keeper[], signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const lost = giveUpLost(unit.arms, AbortSignal.any([signal, over.signal]));
  await before(
    Promise.all(keepers.map(({ caretaker }) => caretaker.stop())).then(() => {}),
    signal,
  );
  for (const { mirror, pump } of unit.arms) {
    mirror.step({ kind: 'stop' });
    mirror.step({ kind: 'hurry' });
    pump.stopCopies();
  }
  const idle = await before(unit.whenIdle(), signal);
  over.abort();
  await before(lost, signal);
  await Promise.all(keepers.map((keeper, i) => closeKeeper(keeper, unit.arms[i], signal)));
  if (idle) await unit.close();
}

/** Closes media that are not reached, as soon as that shows: calls that wait there fail then. Resolves once those are closed. */
async function giveUpLost(arms: readonly Arm[], signal: AbortSignal): Promise<void> {
  const left = new Set(arms);
  const closing: Promise<void>[] = [];
  while (!signal.aborted) {
    for (const arm of left) {
      if (!isLost(arm)) continue;
      left.delete(arm);
      closing.push(arm.volume.close());
    }
    await pause(LOOK_MS, undefined, { signal }).catch(() => {});
  }
  await Promise.allSettled(closing);
}

function isLost({ volume }: Arm): boolean {
  if (volume instanceof LateOrderedVolume) return volume.cut;
  // A target that is silent may be slow alone.
  return volume.away !== undefined && (volume.down || volume.away.unreachable);
}

/** A mirror that has not caught up stands in no other's way. */
async function closeKeeper({ caretaker, record, copyOut }: Keeper, arm: Arm, signal: AbortSignal): Promise<void> {
  const { idle } = arm.mirror;
  if (idle && !signal.aborted) await before(caretaker.tidy(true), signal);
  // What waits at a link is given up by closing it, and enters the record then, which must be open still.
  if (!idle && arm.ordered)
    await before(
      arm.volume.close().then(() => new Promise(setImmediate)),
      signal,
    );
  await record.stored.close(idle && !record.broken);
  await copyOut?.close();
}
