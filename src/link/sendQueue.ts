import type { LinkQuestion } from '../../parsers/formats/linkRequests.ts';
import type { OrderedEntry } from '../base/ordered.ts';

/** An entry, kept until it is durable at the far end: one that was appended, or what several that came one after the other became. */
export interface SentEntry {
  kind: 'entry';
  /** Whom it is answered to: the last that it stands for, and those before it in their order. */
  id: number;
  earlier: readonly number[];
  /** How many entries had been appended with the last that it stands for. */
  last: number;
  /** As the far end counts; 0 as long as no connection was given any of it: until then it may become another one. */
  number: number;
  /** When the oldest was appended. */
  since: number;
  entry: OrderedEntry;
  /** Bytes that it sends, and those of all that it stands for. */
  bytes: number;
  appendedBytes: number;
}

/** A question, kept until it is answered. */
export interface SentQuestion {
  kind: 'question';
  id: number;
  question: LinkQuestion;
  /** `forgotten`: nobody waits for the answer any more. */
  state: 'open' | 'forgotten' | 'answered';
}

export type SendItem = SentEntry | SentQuestion;

/** Whether it is to be sent again on a new connection, whose far end keeps block tables or not. */
export function isOpen(item: SendItem, durable: number, tables: boolean): boolean {
  if (item.kind === 'entry') return item.number === 0 || item.number > durable;
  return item.state === 'open' && (tables || item.question.kind !== 'nodes');
}

/** Items that are dropped from the front before the array is cut. */
const CUT_MIN = 1024;

/** What a sender keeps, in order, and how far the present connection has come with it. */
export class SendQueue {
  #items: SendItem[] = [];
  #head = 0;
  /** The first item that this connection has not been given whole. */
  #cursor = 0;
  /** The first item that nobody has looked at on this connection: see `look`. */
  #unseen = 0;
  readonly #questions = new Map<number, SentQuestion>();

  get unsent(): number {
    return this.#items.length - this.#cursor;
  }

  push(item: SendItem): void {
    this.#items.push(item);
    if (item.kind === 'question') this.#questions.set(item.id, item);
  }

  question(id: number): SentQuestion | undefined {
    return this.#questions.get(id);
  }

  answered(question: SentQuestion): void {
    question.state = 'answered';
    this.#questions.delete(question.id);
  }

  /** The oldest item that this connection was given whole and that is still waited for. */
  oldestSent(): SendItem | undefined {
    while (this.#head < this.#cursor) {
      const item = this.#items[this.#head];
      if (item.kind === 'entry' || item.state !== 'answered') return item;
      this.drop();
    }
    return undefined;
  }

  /** Drops the oldest item, which this connection was given whole. */
  drop(): void {
    this.#head++;
    if (this.#head < CUT_MIN || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#cursor -= this.#head;
    this.#unseen -= this.#head;
    this.#head = 0;
  }

  /** The next to send. */
  next(): SendItem | undefined {
    for (; this.#cursor < this.#items.length; this.#cursor++) {
      const item = this.#items[this.#cursor];
      if (item.kind === 'entry' || item.state === 'open') return item;
      this.answered(item);
    }
    return undefined;
  }

  /**
   * What is next and those behind it, as long as `take` says so; nothing where that was looked at before on this connection, so
   * that everything is looked at once.
   */
  look(take: (entry: SentEntry) => boolean): SentEntry[] {
    const found: SentEntry[] = [];
    if (this.#cursor < this.#unseen) return found;
    for (let n = this.#cursor; n < this.#items.length; n++) {
      const item = this.#items[n];
      if (item.kind !== 'entry' || !take(item)) break;
      found.push(item);
    }
    this.#unseen = this.#cursor + Math.max(found.length, 1);
    return found;
  }

  /** What is next has become this, of which nothing was sent yet. */
  replace(count: number, by: readonly SentEntry[]): void {
    this.#items.splice(this.#cursor, count, ...by);
    this.#unseen += by.length - count;
  }

  /** It has been given to the connection whole. */
  advance(): void {
    this.#cursor++;
  }

  /** A new connection: what it need not be sent is dropped and handed back, everything else is to be sent again. */
  restart(needed: (item: SendItem) => boolean): SendItem[] {
    const dropped: SendItem[] = [];
    const kept: SendItem[] = [];
    for (let n = this.#head; n < this.#items.length; n++) {
      const item = this.#items[n];
      if (item.kind === 'question' && item.state === 'answered') continue;
      (needed(item) ? kept : dropped).push(item);
    }
    this.#items = kept;
    this.#head = 0;
    this.#cursor = 0;
    this.#unseen = 0;
    this.#questions.clear();
    for (const item of kept) if (item.kind === 'question') this.#questions.set(item.id, item);
    return dropped;
  }
}
