import { FRAME_HEADER_BYTES, type LinkFrame } from '../../parsers/formats/linkFrame.ts';
import type { Welcome } from '../../parsers/formats/linkGreeting.ts';
import { questionFrame } from '../../parsers/formats/linkRequests.ts';
import { Bucket } from './bucket.ts';
import { EntryCutter, FRAME_DATA } from './cutter.ts';
import { elide } from './elision.ts';
import type { SendQueue, SentEntry } from './sendQueue.ts';

/** Bytes handed to the connection that it has not passed on yet: more would only make signs of life wait. */
const HANDED_MAX: number = 1024 * 1024;
/** Bytes of entries that are sent and not durable. */
const WINDOW_BYTES: number = 64 * 1024 * 1024;
/** What an entry costs the far end beside its bytes. */
const ENTRY_COST = 64;
const FRAME_DATA_MIN = 4096;

/** How fast a sender's queue leaves: never more than the connection, the limit and the far end take. */
export class Outflow {
  readonly #queue: SendQueue;
  readonly #limited: boolean;
  readonly #bucket: Bucket;
  readonly #frameData: number;
  #cutter: EntryCutter | undefined;
  #handed = 0;
  #flight = 0;
  /** The number of the last entry that some connection was given at least a part of, and how many were appended up to it. */
  sent = 0;
  sentEntries = 0;
  /** Bytes that entries wrote over before any of them was sent. */
  elidedBytes = 0;

  constructor(queue: SendQueue, limitBytesPerSecond: number | undefined) {
    this.#queue = queue;
    this.#limited = limitBytesPerSecond !== undefined;
    this.#bucket = new Bucket(limitBytesPerSecond);
    // A tenth of a second for a frame, so that a narrow link stays steady.
    const fair = limitBytesPerSecond === undefined ? FRAME_DATA : Math.floor(limitBytesPerSecond / 10);
    this.#frameData = Math.min(FRAME_DATA, Math.max(FRAME_DATA_MIN, fair));
  }

  /** True while something could be sent were it not for the limit. */
  get short(): boolean {
    return this.#limited && this.#handed < HANDED_MAX && this.#queue.unsent > 0;
  }

  /** The first entry is to follow the one of this number. */
  goOn(number: number): void {
    this.sent = number;
    this.sentEntries = number;
  }

  /** The connection is over: the next one begins with nothing. */
  restart(): void {
    this.#cutter = undefined;
    this.#handed = 0;
    this.#flight = 0;
  }

  /** A frame is handed over. */
  hand({ bytes }: LinkFrame): void {
    this.#handed += bytes;
    this.#bucket.charge(FRAME_HEADER_BYTES + bytes);
  }

  /** So many bytes of frames that were handed over have left. */
  left(bytes: number): void {
    this.#handed -= bytes;
  }

  /** A frame became so much shorter on the wire. */
  saved(bytes: number): void {
    this.#bucket.charge(-bytes);
  }

  /** The entry has become durable. */
  durable(item: SentEntry): void {
    this.#flight -= costOf(item);
  }

  /** The next frame of the queue, if there should be one now: it is to be handed over. */
  next(far: Welcome, now: number): { frame: LinkFrame; data: boolean } | undefined {
    while (this.#handed < HANDED_MAX && this.#bucket.ready(now)) {
      const item = this.#queue.next();
      if (!item) return undefined;
      if (item.kind === 'question') {
        this.#queue.advance();
        return { frame: questionFrame(item.id, item.question), data: false };
      }
      if (!this.#cutter && !this.#begin(item, far, now)) return undefined;
      const frame = this.#cutter?.next();
      if (frame) return { frame, data: true };
      this.#cutter = undefined;
      this.#queue.advance();
    }
    return undefined;
  }

  /** False while the far end has enough under way. */
  #begin(next: SentEntry, far: Welcome, now: number): boolean {
    if (!this.#hasRoom(next, far)) return false;
    const item = next.number === 0 ? elide(this.#queue, next, far.entryBytesMax, now) : next;
    if (item !== next && !this.#hasRoom(item, far)) return false;
    this.#flight += costOf(item);
    if (item.number === 0) this.#number(item);
    const { blockSize, features } = far;
    this.#cutter = new EntryCutter(item.entry, item.number, blockSize, this.#frameData, features?.includes('order'));
    return true;
  }

  #hasRoom(item: SentEntry, { windowBytes }: Welcome): boolean {
    return this.#flight === 0 || this.#flight + costOf(item) <= Math.min(WINDOW_BYTES, windowBytes);
  }

  /** From here on the far end may have it: it stays as it is. */
  #number(item: SentEntry): void {
    item.number = ++this.sent;
    this.sentEntries = item.last;
    this.elidedBytes += item.appendedBytes - item.bytes;
  }
}

function costOf({ bytes }: SentEntry): number {
  return bytes + ENTRY_COST;
}
