import type { HistoryStore } from '../history/historyTypes.ts';
import { blockOffset, type ExplainReport } from './explain.ts';
import { isoTime } from './momentWords.ts';
import type { VolumeStatus } from './status.ts';

const ENTRIES_MAX = 20;

/** What is known of a block of a volume that comes over a link: who wrote it is known at the unit that is on the bus. */
export function explainReceived(status: VolumeStatus, lbn: number, history: HistoryStore | undefined): ExplainReport {
  const blockSize = status.blockSize ?? 512;
  const offset = blockOffset(lbn, blockSize, (status.blocks ?? 0) * blockSize);
  const entries = history?.holders(offset, blockSize, ENTRIES_MAX).map(({ sequence, at, consistent }) => ({
    sequence,
    at: isoTime(at),
    consistent,
  }));
  const waiting = (status.received?.sender?.waitingBytes ?? 0) > 0;
  const mirrors = status.mirrors.map(({ to, state, unresolvedBytes, error }, i) => ({
    to,
    copy: i === 0 && waiting ? ('queued' as const) : unresolvedBytes > 0 ? ('doubt' as const) : ('has' as const),
    reasons: [],
    recorded: false,
    state,
    ...(error ? { error } : {}),
    ...(i === 0 && entries ? { entries } : {}),
  }));
  return { volume: status.lu, lbn, blockSize, offset, changes: [], since: null, underWay: waiting, mirrors };
}
