import type { Change, Doubt, LuId } from '../../base/change.ts';

/** A change as the journal has it. */
export interface JournalEntry {
  seq: number;
  /** Nanoseconds since 1970. */
  at: bigint;
  /** Bytes of the LU; for a change of the whole LU up to 2^53-1. */
  offset: number;
  length: number;
  /** Who wrote it, and by which command; empty where that is not known. */
  host: string;
  operation: string;
  doubt: Doubt | undefined;
}

const ENTRIES = 65_536;
/** Runs of one change that are told apart; what an UNMAP of more names is told as one run over all the rest. */
const PIECES_MAX = 64;
/** Words that are told apart; with more of them they are told as not known. */
const WORDS_MAX = 4096;
const NONE = '';

/**
 * The last changes of a bus, each run of bytes with who wrote it: for `explain`. In bounded memory (about 2.5 MB), and adding a
 * change makes no object.
 */
export class JournalRing {
  readonly #mask: number;
  readonly #offset: Float64Array;
  readonly #length: Float64Array;
  readonly #seq: Float64Array;
  readonly #at: BigInt64Array;
  readonly #lu: Uint16Array;
  readonly #host: Uint16Array;
  readonly #operation: Uint16Array;
  readonly #doubt: Uint16Array;
  readonly #words = new Words();
  #head = 0;

  /** `entries` is a power of two. */
  constructor(entries: number = ENTRIES) {
    this.#mask = entries - 1;
    this.#offset = new Float64Array(entries);
    this.#length = new Float64Array(entries);
    this.#seq = new Float64Array(entries);
    this.#at = new BigInt64Array(entries);
    this.#lu = new Uint16Array(entries);
    this.#host = new Uint16Array(entries);
    this.#operation = new Uint16Array(entries);
    this.#doubt = new Uint16Array(entries);
  }

  add(change: Change): void {
    const { pieces } = change;
    if (pieces === 'wholeLu') {
      this.#put(change, 0, Number.MAX_SAFE_INTEGER);
      return;
    }
    const apart = pieces.length > PIECES_MAX ? PIECES_MAX - 1 : pieces.length;
    for (let i = 0; i < apart; i++) this.#put(change, pieces[i].offset, pieces[i].length);
    if (apart === pieces.length) return;
    let start = Number.MAX_SAFE_INTEGER;
    let end = 0;
    for (let i = apart; i < pieces.length; i++) {
      start = Math.min(start, pieces[i].offset);
      end = Math.max(end, pieces[i].offset + pieces[i].length);
    }
    this.#put(change, start, end - start);
  }

  /** Changes that touched `[offset, offset + length)` of the LU, the newest first, at most `max`. */
  find(lu: LuId, offset: number, length: number, max: number): JournalEntry[] {
    const found: JournalEntry[] = [];
    const wanted = this.#words.known(lu);
    if (wanted === undefined) return found;
    for (let at = this.#head - 1; at >= this.#oldest && found.length < max; at--) {
      const i = at & this.#mask;
      if (this.#lu[i] !== wanted) continue;
      const start = this.#offset[i];
      if (start < offset + length && offset < start + this.#length[i]) found.push(this.#entry(i));
    }
    return found;
  }

  /** When the oldest change came that it still knows, nanoseconds since 1970; undefined while it has forgotten none. */
  get since(): bigint | undefined {
    return this.#oldest === 0 ? undefined : this.#at[this.#oldest & this.#mask];
  }

  get #oldest(): number {
    return Math.max(0, this.#head - this.#mask - 1);
  }

  #put(change: Change, offset: number, length: number): void {
    const i = this.#head++ & this.#mask;
    this.#offset[i] = offset;
    this.#length[i] = length;
    this.#seq[i] = change.seq;
    this.#at[i] = change.at;
    this.#lu[i] = this.#words.of(change.lu);
    this.#host[i] = this.#words.of(change.host ?? NONE);
    this.#operation[i] = this.#words.of(change.operation ?? NONE);
    this.#doubt[i] = this.#words.of(change.doubt ?? NONE);
  }

  #entry(i: number): JournalEntry {
    const words = this.#words;
    return {
      seq: this.#seq[i],
      at: this.#at[i],
      offset: this.#offset[i],
      length: this.#length[i],
      host: words.at(this.#host[i]),
      operation: words.at(this.#operation[i]),
      doubt: (words.at(this.#doubt[i]) || undefined) as Doubt | undefined,
    };
  }
}

/** Words by small numbers; 0 is the empty one, and any beyond the bound. */
class Words {
  readonly #numbers = new Map<string, number>([[NONE, 0]]);
  readonly #words: string[] = [NONE];

  of(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    if (this.#words.length >= WORDS_MAX) return 0;
    const number = this.#words.push(word) - 1;
    this.#numbers.set(word, number);
    return number;
  }

  known(word: string): number | undefined {
    return this.#numbers.get(word);
  }

  at(number: number): string {
    return this.#words[number];
  }
}
