import type { Reason } from '../../base/backlog.ts';
import type { Doubt, LuId } from '../../base/change.ts';
import type { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import type { Keeper } from '../live/liveTypes.ts';
import { faultWords } from '../mirror/arm.ts';
import type { VolumeUnit } from '../mirror/volumeUnit.ts';
import type { JournalRing } from './journalRing.ts';
import { isoTime } from './momentWords.ts';
import type { ErrorWords } from './status.ts';

/** What `tapmirror explain --json` prints of one block. Keys are only ever added. */
export interface ExplainReport {
  volume: LuId;
  lbn: number;
  blockSize: number;
  /** Bytes of the volume. */
  offset: number;
  /** Changes that touched it as far back as is remembered, the newest first. */
  changes: ExplainedChange[];
  /** ISO 8601: what was written before is not remembered; null: everything since the unit began is. */
  since: string | null;
  /** Writes are under way that may change it. */
  underWay: boolean;
  mirrors: ExplainedMirror[];
}

export interface ExplainedChange {
  sequence: number;
  at: string;
  /** Empty where it is not known. */
  host: string;
  operation: string;
  /** First block and count of the run that it stands in; null blocks: the whole LU. */
  lbn: number;
  blocks: number | null;
  /** Why what it left is not known from the bus. */
  doubt: Doubt | null;
}

export interface ExplainedMirror {
  to: string;
  /** `has`: what the bus showed last. `queued`: that is on its way. `doubt`: it is to be read back, for `reasons`. */
  copy: 'has' | 'queued' | 'doubt';
  reasons: Reason[];
  /** Its chunk is marked in the stored record: after a kill of the unit it is compared. */
  recorded: boolean;
  state: string;
  error?: ErrorWords;
  /** At a volume that comes over a link: entries of the queue that hold it, the newest first. */
  entries?: { sequence: number; at: string; consistent: boolean }[];
}

const CHANGES_MAX = 10;
/** Of a volume whose block size nobody has learned. */
const BLOCK_SIZE = 512;

/** What is known of a block of a volume of the bus. Throws a `Fault` for one that is not there. */
export function explainBlock(
  { unit, keepers }: { unit: VolumeUnit; keepers: readonly Keeper[] },
  lbn: number,
  journal: JournalRing,
  outstanding: { blocks: Extents | undefined } | undefined,
): ExplainReport {
  const blockSize = unit.blockSize || BLOCK_SIZE;
  const offset = blockOffset(lbn, blockSize, unit.limit);
  const end = offset + blockSize;
  return {
    volume: unit.lu,
    lbn,
    blockSize,
    offset,
    changes: journal.find(unit.lu, offset, blockSize, CHANGES_MAX).map((one) => ({
      sequence: one.seq,
      at: isoTime(one.at),
      host: one.host,
      operation: one.operation,
      lbn: Math.floor(one.offset / blockSize),
      blocks: one.length === Number.MAX_SAFE_INTEGER ? null : Math.ceil(one.length / blockSize),
      doubt: one.doubt ?? null,
    })),
    since: journal.since === undefined ? null : isoTime(journal.since),
    underWay: outstanding !== undefined && (outstanding.blocks?.intersects(lbn, lbn + 1) ?? true),
    mirrors: keepers.map(({ caretaker, record }, i) => {
      const { mirror, to } = unit.arms[i];
      const { fault, state } = caretaker;
      let queued = false;
      mirror.forEachWaiting((start, until) => {
        queued ||= start < end && offset < until;
      });
      const reasons = new Set<Reason>();
      record.forEachBelow(end, (reason, _, until) => {
        if (until > offset) reasons.add(reason);
      });
      return {
        to,
        copy: queued ? 'queued' : reasons.size > 0 ? 'doubt' : 'has',
        reasons: [...reasons],
        recorded: record.stored.below(end).intersects(offset, end),
        state,
        ...(fault ? { error: faultWords(fault) } : {}),
      };
    }),
  };
}

/** Where a block begins. Throws a `Fault` for one beyond the end, as far as that is known (0: it is not). */
export function blockOffset(lbn: number, blockSize: number, limit: number): number {
  const offset = lbn * blockSize;
  if (Number.isSafeInteger(lbn) && lbn >= 0 && Number.isSafeInteger(offset + blockSize)) {
    if (limit === 0 || offset < limit) return offset;
  }
  const last = limit > 0 ? `, its last block is ${Math.ceil(limit / blockSize) - 1}` : '';
  throw new Fault(
    'peer',
    `the volume has no block ${lbn}${last}`,
    'count blocks from 0, by the size that status shows',
  );
}
