import type { Reason } from '../../base/backlog.ts';
import type { LuId } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { type Arm, type MirrorReport, mirrorReport } from './arm.ts';

export interface VolumeReport {
  lu: LuId;
  /** Null while it was never learned: ranges are in blocks of 512 bytes then. */
  blockSize: number | null;
  /** Capacity in blocks, null while unknown. */
  blocks: number | null;
  /** `[lbn, blocks]`, sorted: every block that some mirror is not known to have right. */
  unresolved: [number, number][];
  unresolvedBlocks: number;
  /** Blocks for each reason; a block in doubt for two reasons, or at two mirrors, counts once for each reason. */
  reasons: Partial<Record<Reason, number>>;
  changes: number;
  /** Changes that came with something in doubt. */
  doubtfulChanges: number;
  barriers: number;
  mirrors: MirrorReport[];
}

/** What a report is made of. */
interface Reported {
  lu: LuId;
  /** 0 while unknown. */
  blockSize: number;
  blocks: number;
  /** Bytes of the LU. */
  limit: number;
  arms: readonly Arm[];
  changes: number;
  doubtfulChanges: number;
  barriers: number;
}

const UNKNOWN_BLOCK_SIZE = 512;

/** What every mirror of a volume is not known to have right, and what was done about it. */
export function volumeReport(volume: Reported): VolumeReport {
  const size = volume.blockSize || UNKNOWN_BLOCK_SIZE;
  const limit = reportLimit(volume);
  const all = new Extents();
  const byReason = new Map<Reason, Extents>();
  const mirrors = volume.arms.map((arm) => {
    const own = new Extents();
    const note = (reason: Reason, start: number, end: number): void => {
      const [from, to] = [Math.floor(start / size), Math.ceil(end / size)];
      own.add(from, to);
      all.add(from, to);
      const set = byReason.get(reason) ?? new Extents();
      byReason.set(reason, set);
      set.add(from, to);
    };
    arm.record.forEachBelow(limit, note);
    arm.mirror.forEachWaiting((start, end) => {
      if (start < limit) note('not-written', start, Math.min(end, limit));
    });
    return mirrorReport(arm, own.total);
  });
  const reasons: Partial<Record<Reason, number>> = {};
  for (const [reason, set] of byReason) reasons[reason] = set.total;
  return {
    lu: volume.lu,
    blockSize: volume.blockSize || null,
    blocks: volume.blocks || null,
    unresolved: all.toRanges(),
    unresolvedBlocks: all.total,
    reasons,
    changes: volume.changes,
    doubtfulChanges: volume.doubtfulChanges,
    barriers: volume.barriers,
    mirrors,
  };
}

/** Without a capacity a change may name bytes above what any mirror holds: they count all the same. */
function reportLimit({ blockSize, blocks, limit, arms }: Reported): number {
  if (blocks > 0 && blockSize > 0) return limit;
  let end = limit;
  for (const { record, mirror } of arms) {
    end = Math.max(end, record.namedEnd);
    mirror.forEachWaiting((_, to) => {
      if (to < Number.MAX_SAFE_INTEGER) end = Math.max(end, to);
    });
  }
  return end;
}
