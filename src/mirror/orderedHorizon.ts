import { Extents } from '../base/extents.ts';

/** Writes on their way at the LU: their count, and the bytes that they may change (undefined: any). */
export interface UnderWay {
  tasks: number;
  bytes: Extents | undefined;
}

/** Ranges that are told apart; more grow together, and then more is waited for. */
const RANGES_MAX = 4096;

const NOTHING = new Extents();

/**
 * Whether what was copied from the first volume may be newer than the mirror's place in the backlog.
 *
 * A block that was read back holds what the LU held at that moment: the effect of entries that were pushed by then, or of
 * a write that was under way and had not been told yet. The mirror is level with it once every entry is applied that was
 * pushed before the read ended, and once those writes have ended and what they pushed is applied too.
 */
export class Horizon {
  readonly #underWay: () => UnderWay;
  /** Everything that was copied since the mirror was last level. */
  #copied = new Extents(RANGES_MAX);
  /** Since the last read nobody has looked at what is under way yet. */
  #unseen = false;
  /** What was copied and may be the effect of a write that has not ended. */
  #risky: Extents = NOTHING;
  /** The mirror is level once it is past this position of the ring. */
  #position = 0;

  constructor(underWay: () => UnderWay) {
    this.#underWay = underWay;
  }

  /** A copy of `[start, end)`, read before this moment, is part of the mirror from here on. */
  copied(start: number, end: number): void {
    this.#copied.add(start, end);
    this.#unseen = true;
  }

  /** True when a look at what is under way is due: everything that was on the bus when the last read ended is in the ring. */
  get unseen(): boolean {
    return this.#unseen;
  }

  /** Looks at what is under way now; the ring ends at `head`. */
  look(head: number): void {
    if (!this.#unseen && this.#risky.isEmpty) return;
    const of = this.#unseen ? this.#copied : this.#risky;
    this.#unseen = false;
    this.#risky = common(of, this.#underWay());
    this.#position = head;
  }

  /** True when nothing at the mirror is newer than the entries before `position`, which are applied. */
  level(position: number): boolean {
    if (this.#copied.isEmpty) return true;
    if (this.#unseen || !this.#risky.isEmpty || position < this.#position) return false;
    this.#copied.clear();
    return true;
  }
}

function common(of: Extents, { tasks, bytes }: UnderWay): Extents {
  if (tasks === 0) return NOTHING;
  if (!bytes) return of.clone();
  const both = new Extents(RANGES_MAX);
  for (const [start, length] of of.toRanges()) {
    bytes.forEachIn(start, start + length, (from, to) => both.add(from, to));
  }
  return both;
}
