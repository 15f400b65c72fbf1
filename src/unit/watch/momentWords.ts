import { Fault } from '../../base/fault.ts';
import type { Moment, MomentTarget } from '../../queue/moments.ts';

/** A moment as JSON has it. */
export interface MomentWords {
  /** ISO 8601 with nanoseconds, UTC; null where nothing has come yet. */
  at: string | null;
  sequence: number;
  consistent: boolean;
}

/**
 * A moment as a person named it, in every way that the word can be meant: a bookmark comes first, then a sequence, then a
 * time. One of the three is there at least.
 */
export interface MomentWord {
  /** As it was written. */
  readonly words: string;
  readonly mark?: string;
  readonly sequence?: number;
  /** Nanoseconds since 1970. */
  readonly time?: bigint;
}

export function momentWords({ at, sequence, consistent }: Moment): MomentWords {
  return { at: at === 0n ? null : isoTime(at), sequence, consistent };
}

/** Nanoseconds since 1970 as ISO 8601 in UTC with nine decimals. */
export function isoTime(at: bigint): string {
  const second = at / 1_000_000_000n;
  const rest = String(at % 1_000_000_000n).padStart(9, '0');
  return `${new Date(Number(second) * 1000).toISOString().slice(0, -5)}.${rest}Z`;
}

/** What the word means among these moments. Throws a `Fault` when it means none. */
export function targetOf(
  { words, mark, sequence, time }: MomentWord,
  { bookmarks }: { readonly bookmarks: readonly { readonly name: string }[] },
): MomentTarget {
  if (mark !== undefined && bookmarks.some(({ name }) => name === mark)) return { mark };
  if (sequence !== undefined) return { sequence };
  if (time !== undefined) return { time };
  const shown = JSON.stringify(words);
  const mend = 'see `tapmirror history` for the bookmarks that are kept';
  throw new Fault('peer', `${shown} is neither a bookmark nor a sequence nor a time that has been`, mend);
}
