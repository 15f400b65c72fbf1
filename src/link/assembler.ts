import type { EntryPart } from '../../parsers/formats/linkEntry.ts';
import type { Payload, Piece } from '../base/change.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import { pieceBytes } from './runs.ts';

/** What a receiver keeps of one entry at most: bytes, and runs of them. */
export const ENTRY_BYTES_MAX: number = 256 * 1024 * 1024;
export const ENTRY_RUNS_MAX = 262144;
/** What a piece and an entry occupy beside their bytes, about. */
const PIECE_COST = 128;

export interface AssembledEntry {
  number: number;
  entry: OrderedEntry;
  /** Memory that it occupies, about. */
  cost: number;
  /** The frames' bodies that its bytes lie in. */
  bodies: readonly Uint8Array[];
}

/** A piece that may still become longer. */
interface OpenPiece {
  offset: number;
  length: number;
  payload: Payload;
}

/** Puts entries together from their parts; believes neither their order nor their size. */
export class EntryAssembler {
  #due: number;
  #first: EntryPart | undefined;
  #part = 0;
  #pieces: OpenPiece[] = [];
  /** The parts of the last piece, where it is bytes. */
  #open: Uint8Array[] | undefined;
  #runs = 0;
  #bodies: Uint8Array[] = [];
  #bytes = 0;
  #end = 0;

  /** `due` is the number of the next entry. */
  constructor(due: number) {
    this.#due = due;
  }

  /** Memory that the parts of an unfinished entry occupy. */
  get cost(): number {
    return this.#bytes + PIECE_COST * (this.#runs + 1);
  }

  /** An entry once it is whole, `undefined` before; else words that say what is wrong with the part. */
  take(part: EntryPart, body: Uint8Array): AssembledEntry | string | undefined {
    const wrong = this.#wrong(part);
    if (wrong !== undefined) return wrong;
    if (this.#first === undefined && !part.more && part.runs.length <= 1) return this.#single(part, body);
    this.#first ??= part;
    this.#part++;
    this.#bytes += pieceBytes(part.runs);
    this.#runs += part.runs.length;
    if (part.runs.length > 0) this.#bodies.push(body);
    for (const run of part.runs) this.#add(run);
    if (this.#bytes > ENTRY_BYTES_MAX || this.#runs > ENTRY_RUNS_MAX) return tooMuch(part.number);
    return part.more ? undefined : this.#finish(this.#first);
  }

  /** An entry that came in one part and has nothing to be joined: the most are so, and nothing is kept for them. */
  #single(part: EntryPart, body: Uint8Array): AssembledEntry | string {
    const bytes = pieceBytes(part.runs);
    if (bytes > ENTRY_BYTES_MAX) return tooMuch(part.number);
    this.#due++;
    const cost = bytes + PIECE_COST * (part.runs.length + 1);
    const bodies = part.runs.length > 0 ? [body] : [];
    return { number: part.number, entry: entryOf(part, part.runs), cost, bodies };
  }

  #wrong(part: EntryPart): string | undefined {
    const { number, runs } = part;
    const first = this.#first;
    if (number !== this.#due) {
      return number < this.#due ? `entry ${number} came again` : `entry ${number} came, and ${this.#due} is due`;
    }
    if (part.part !== this.#part) return `part ${part.part} of entry ${number} came, and ${this.#part} is due`;
    if (first && (first.kind !== part.kind || first.at !== part.at || first.consistent !== part.consistent)) {
      return `the parts of entry ${number} contradict each other`;
    }
    if (part.order && first) return `a part of entry ${number} has a place of its own`;
    if (part.kind === 'mark' && part.name === '') return `entry ${number} is a bookmark without a name`;
    if (part.more && runs.length === 0) return `a part of entry ${number} holds nothing, and more should follow`;
    if (runs.length > 0 && runs[0].offset < this.#end) return `two parts of entry ${number} overlap`;
    return undefined;
  }

  /** Bytes that go on where others end are one piece with them. */
  #add(run: Piece): void {
    const { offset, length, payload } = run;
    const parts = bytesOf(payload);
    const last = this.#pieces.at(-1);
    if (parts && this.#open && last && last.offset + last.length === offset) {
      this.#open.push(...parts);
      last.length += length;
    } else {
      this.#open = parts && [...parts];
      this.#pieces.push({ offset, length, payload: this.#open ?? payload });
    }
    this.#end = offset + length;
  }

  #finish(part: EntryPart): AssembledEntry {
    const { cost } = this;
    const { number } = part;
    const entry = entryOf(part, this.#pieces);
    const bodies = this.#bodies;
    this.#due++;
    this.#first = undefined;
    this.#part = 0;
    this.#pieces = [];
    this.#open = undefined;
    this.#runs = 0;
    this.#bodies = [];
    this.#bytes = 0;
    this.#end = 0;
    return { number, entry, cost, bodies };
  }
}

function entryOf(part: EntryPart, pieces: readonly Piece[]): OrderedEntry {
  const entry = plainOf(part, pieces);
  return part.order ? { ...entry, order: part.order } : entry;
}

function plainOf({ kind, at, consistent, name }: EntryPart, pieces: readonly Piece[]): OrderedEntry {
  switch (kind) {
    case 'mark':
      return { kind, at, name, consistent };
    case 'state':
      return { kind, at, consistent };
    default:
      return { kind, at, pieces, consistent };
  }
}

function tooMuch(number: number): string {
  return `entry ${number} has more than ${ENTRY_BYTES_MAX} bytes or ${ENTRY_RUNS_MAX} pieces`;
}

function bytesOf(payload: Payload): readonly Uint8Array[] | undefined {
  return Array.isArray(payload) ? (payload as readonly Uint8Array[]) : undefined;
}
