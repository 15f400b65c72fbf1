import { Fault } from '../../base/fault.ts';
import type { SenderStatus } from '../link/receiverTypes.ts';
import type { ReceivedVolume } from '../received/receivedVolume.ts';
import { type MomentWord, type MomentWords, momentWords, targetOf } from '../watch/momentWords.ts';

export interface RollBackOrder {
  to: MomentWord;
  /** A moment that is not consistent is as good as another. */
  force: boolean;
  /** The `sure` of a report of what would be done: it is done, if that is still what it would be. Absent: only reported. */
  sure: string | undefined;
}

/** What rolling back does, or did; the moment is the newest then. */
export interface RollBackReport extends MomentWords {
  volume: string;
  done: boolean;
  /** Entries that are dropped, the newest moment among them, and the bookmarks that go with them. */
  entries: number;
  newest: MomentWords;
  bookmarks: string[];
  /** The unit that is connected, by its certificate: it compares everything and brings the volume up to date again. */
  sender: string | null;
  sure: string;
}

/**
 * Drops everything newer than a moment for good (requirement C2): crash-safe, and another incarnation, so that whoever sends
 * finds out and compares the volume whole.
 */
export async function rollBack(
  { name, history }: ReceivedVolume,
  sender: SenderStatus | undefined,
  { to, force, sure }: RollBackOrder,
): Promise<RollBackReport> {
  const moments = history.moments();
  const moment = history.find(targetOf(to, moments), { force });
  const { sequence } = moment;
  const entries = moments.newest.sequence - sequence;
  const key = `${history.incarnation}/${sequence}`;
  const report: RollBackReport = {
    volume: name,
    done: false,
    ...momentWords(moment),
    entries,
    newest: momentWords(moments.newest),
    bookmarks: moments.bookmarks.filter((one) => one.sequence > sequence).map((one) => one.name),
    sender: sender?.peer ?? null,
    sure: key,
  };
  if (sure === undefined) return report;
  if (sure !== key) {
    throw new Fault(
      'peer',
      'the volume has another past by now than was agreed to',
      'look again what would be dropped',
    );
  }
  if (entries > 0) await history.rollBack(sequence, { force });
  return { ...report, done: true };
}
