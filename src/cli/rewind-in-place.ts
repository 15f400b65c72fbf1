import { Fault } from '../base/fault.ts';
import type { RollBackReport } from '../unit/history/rollBack.ts';
import { countWords, plain } from './draw-words.ts';
import { readMomentWords } from './history-read.ts';
import type { RewindSeat } from './rewind.ts';

type Ask = (request: { do: string; sure?: string }) => Promise<unknown>;

/**
 * Has a volume rolled back, once somebody at a terminal has said yes to what would be dropped, or `yes` has said so before.
 * Resolves with the unit's answer and with a line for people; rejects with a `Fault` when it was not done.
 */
export async function rewindInPlace(
  ask: Ask,
  yes: boolean,
  seat: RewindSeat,
): Promise<{ answer: unknown; line: string }> {
  const plan = read(await ask({ do: 'rollBack' }));
  if (!yes) {
    if (seat.confirm === undefined) {
      const mend = 'give --yes where nobody can be asked';
      throw new Fault('local', `nothing was done: ${words(plan)} would be dropped`, mend);
    }
    seat.stderr.write(`${question(plan)}\n`);
    if (!(await seat.confirm('Drop it? [y/N] '))) throw new Fault('local', 'nothing was done', 'answer "yes" to go on');
  }
  const answer = await ask({ do: 'rollBack', sure: plan.sure });
  const { volume, at, sequence, entries } = read(answer);
  const moment = `${plain(at ?? 'before anything came')}, sequence ${sequence}`;
  return { answer, line: `${plain(volume)}: rolled back to ${moment}; ${countWords(entries)} newer entries dropped\n` };
}

function question(plan: RollBackReport): string {
  const { volume, at, sequence, bookmarks, sender } = plan;
  const lines = [
    `${plain(volume)} goes back to ${plain(at ?? 'before anything came')}, sequence ${sequence}.`,
    `This drops for good: ${words(plan)}.`,
  ];
  if (bookmarks.length > 0) lines.push(`With it go the bookmarks ${bookmarks.map(plain).join(', ')}.`);
  if (sender !== null) {
    const what = 'is connected: it will compare the whole volume and bring it up to date again';
    lines.push(`The unit ${plain(sender)} ${what}. Stop it first where that is not wanted.`);
  }
  return lines.join('\n');
}

function words({ entries, newest }: RollBackReport): string {
  if (entries === 0) return 'nothing, as no moment is newer';
  const count = entries === 1 ? '1 entry' : `${countWords(entries)} entries`;
  return `${count} up to ${plain(newest.at ?? 'the newest')}, sequence ${newest.sequence}`;
}

/** What a unit answered; it may be of another version. */
function read(answer: unknown): RollBackReport {
  const one =
    typeof answer === 'object' && answer !== null ? (answer as Partial<Record<keyof RollBackReport, unknown>>) : {};
  const { volume, done, entries, bookmarks, sender, sure } = one;
  if (typeof sure !== 'string') {
    throw new Fault(
      'peer',
      "the unit's answer is none to this question",
      "use the tapmirror of the unit's own version",
    );
  }
  return {
    ...readMomentWords(answer),
    volume: typeof volume === 'string' ? volume : '',
    done: done === true,
    entries: typeof entries === 'number' ? entries : 0,
    newest: readMomentWords(one.newest),
    bookmarks: Array.isArray(bookmarks) ? bookmarks.map(String) : [],
    sender: typeof sender === 'string' ? sender : null,
    sure,
  };
}
