import type { Backlog } from '../../base/backlog.ts';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { Arm } from '../mirror/arm.ts';
import type { VolumeUnit } from '../mirror/volumeUnit.ts';
import { before } from './before.ts';
import type { Keeper } from './liveTypes.ts';

/** How a mirror that leaves its volume is dealt with. */
export interface LeaveOrder {
  /** What waits for it is given up once this is aborted. */
  hurry: AbortSignal;
  /** Bytes that were written, of those that waited. */
  progress: (done: number, total: number) => void;
}

/** How a mirror left. */
export interface Left {
  /** `equal`: it holds what the volume held at the moment from which on it got nothing more. */
  state: MirrorState;
  /** Bytes that waited for it and were given up. */
  droppedBytes: number;
}

/** How often it is looked how far a mirror is. */
const LOOK_MS = 100;
/** What was begun at a medium that does not answer is waited for so long, and its closing as long. */
const STILL_MS = 5000;

/** Until a moment at which nothing has to be read back is waited for so long: a host that writes brings doubts again and again. */
const REST_MS = 10_000;
const REST_LOOK_MS = 10;

/**
 * Resolves at a moment at which the mirror is known to hold everything but what is on its way, where that comes soon; nothing
 * may happen between that and what is done next. A copy of the whole volume is not waited for.
 */
export async function atRest({ mirror, backlog }: Arm, limit: number, hurry: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([hurry, AbortSignal.timeout(REST_MS)]);
  const waits = (): boolean => {
    if (mirror.fault !== undefined || mirror.state === 'copying') return false;
    return mirror.record.intersects(0, limit) || bringsDoubt(backlog);
  };
  while (waits() && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, REST_LOOK_MS));
}

/** Resolves once the mirror has everything that it was to get, durably, or cannot have it, or somebody hurries. */
export async function drained(unit: VolumeUnit, arm: Arm, { hurry, progress }: LeaveOrder): Promise<Left> {
  const { mirror, pump, volume } = arm;
  const total = waitingBytes(arm);
  const end = new AbortController();
  const look = (): void => {
    // A far end that is lost tells nobody.
    if (volume.down) end.abort();
    mirror.step({ kind: 'more' });
    pump.run();
    progress(Math.max(0, total - waitingBytes(arm)), total);
  };
  const timer = setInterval(look, LOOK_MS);
  const signal = AbortSignal.any([hurry, end.signal]);
  try {
    look();
    if (await before(unit.whenDone(arm), signal)) {
      mirror.step({ kind: 'flush' });
      pump.run();
      await before(unit.whenDone(arm), signal);
    }
  } finally {
    clearInterval(timer);
  }
  const { state } = mirror;
  const droppedBytes = waitingBytes(arm);
  if (!mirror.idle)
    mirror.step({
      kind: 'broken',
      fault: new Fault('local', `${arm.to} was removed, and what waited for it was given up`),
    });
  pump.run();
  return { state, droppedBytes };
}

/** Closes a mirror that is none of its volume's any more, with all that was opened for it. Never rejects. */
export async function closeArm(unit: VolumeUnit, arm: Arm, { caretaker, record, copyOut }: Keeper): Promise<void> {
  const signal = AbortSignal.timeout(STILL_MS);
  await before(caretaker.stop(), signal);
  await before(unit.whenStill(arm), signal);
  const closed = arm.volume.close().then(() => new Promise<void>((resolve) => setImmediate(resolve)));
  await before(
    closed.catch(() => {}),
    AbortSignal.timeout(STILL_MS),
  );
  await Promise.allSettled([record.stored.close(false), copyOut?.close()]);
}

/** What waits has to be read back in part. */
function bringsDoubt(backlog: Backlog): boolean {
  let found = false;
  backlog.forEach(({ change }, lost) => {
    if (change && (lost || change.doubt !== undefined || change.pieces === 'wholeLu')) found = true;
  });
  return found;
}

function waitingBytes({ mirror }: Arm): number {
  const all = new Extents();
  mirror.forEachWaiting((start, end) => all.add(start, end));
  return all.total;
}
