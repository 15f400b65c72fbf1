import type { Fault } from '../../base/fault.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import { tabledOf } from '../blockTable/blockTableNear.ts';
import { type Arm, faultWords } from '../mirror/arm.ts';
import type { LagReport } from '../mirror/lag.ts';
import type { FirstStatus, MirrorStatus } from '../watch/status.ts';
import type { Keeper, Medium } from './liveTypes.ts';

/** `fault`: why the first volume was lost. */
export function firstStatus({ to, volume }: Medium, lost: Fault | undefined): FirstStatus {
  const down = volume.down || volume.away !== undefined;
  const fault = down ? (lost ?? (volume.opened ? undefined : volume.fault)) : undefined;
  return { url: to, state: down ? 'down' : 'up', ...(fault ? { error: faultWords(fault) } : {}) };
}

/** `limit`: bytes of the volume, 0 while unknown. */
export function mirrorStatus(keeper: Keeper, arm: Arm, limit: number, age: (position: number) => number): MirrorStatus {
  const { caretaker, record } = keeper;
  const { mirror, pump, to } = arm;
  const { fault, state } = caretaker;
  return {
    to,
    state,
    behindBytes: state === 'equal' ? 0 : caretaker.behindBytes(),
    unresolvedBytes: record.below(limit || Number.MAX_SAFE_INTEGER).total,
    lag: lagOf(keeper, arm, age),
    writtenBytes: mirror.writtenBytes,
    comparedBytes: pump.comparedBytes,
    copiedBytes: pump.differingBytes,
    ...(mirror.resolving ? { progress: mirror.progress } : {}),
    since: new Date(caretaker.since).toISOString(),
    ...(fault ? { error: faultWords(fault) } : {}),
    record: { chunkBytes: record.stored.chunkBytes, marked: record.stored.marked },
    ...tableStatus(tabledOf(arm)?.table),
    ...(arm.verified === undefined ? {} : { verified: arm.verified }),
  };
}

/** How much of a block table is known. */
export function tableStatus(table: BlockTable | undefined): Pick<MirrorStatus, 'blockTable'> {
  if (table === undefined || table.over) return {};
  const { bytes, blockBytes, current } = table;
  return { blockTable: { currentBytes: Math.min(bytes, current * blockBytes), bytes } };
}

/** Whatever is being copied or repaired may be as old as that has lasted. */
function lagOf({ caretaker }: Keeper, { backlog }: Arm, age: (position: number) => number): LagReport {
  const { position, length, oldest } = backlog;
  const changes = position + length - oldest;
  const ordinary = caretaker.state === 'equal' || caretaker.state === 'behind';
  const ageMs = Math.max(age(oldest), ordinary ? 0 : Date.now() - caretaker.since);
  return { changes, seconds: Math.max(0, ageMs) / 1000 };
}
