import type { Arm } from './arm.ts';
import { before } from './before.ts';
import { LateOrderedVolume } from './lateOrdered.ts';
import type { Keeper } from './liveTypes.ts';
import type { VolumeUnit } from './volumeUnit.ts';

/** Writes what is buffered until `signal` ends that, makes the mirrors durable, and closes them with their records. */
export async function closeMirrors(unit: VolumeUnit, keepers: readonly Keeper[], signal: AbortSignal): Promise<void> {
  // A mirror that takes nothing does not end a flush, either.
  const stopped = Promise.all(keepers.map(({ caretaker }) => caretaker.stop()));
  // What waits at a link that is cut is given up, and enters the record.
  for (const { volume } of unit.arms) {
    if (volume instanceof LateOrderedVolume && volume.cut) await before(volume.close(), signal);
  }
  await before(
    stopped.then(() => {}),
    signal,
  );
  for (const { mirror, pump } of unit.arms) {
    mirror.step({ kind: 'stop' });
    mirror.step({ kind: 'hurry' });
    pump.stopCopies();
  }
  const idle = await before(unit.whenIdle(), signal);
  await Promise.all(keepers.map((keeper, i) => closeKeeper(keeper, unit.arms[i], signal)));
  if (idle) await unit.close();
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
