import { headBytesOf, putHead, type QueueHead } from '../../../parsers/formats/queueEntry.ts';
import { uuidBytes } from '../../../parsers/formats/queueUuid.ts';
import type { Fault } from '../../base/fault.ts';
import type { Draft } from '../../queue/draft.ts';
import type { HistoryContents } from './historyContents.ts';
import type { Turn } from './historyTurn.ts';

/** Bytes and entries of one write. */
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_ENTRIES = 512;

export interface WriterParts {
  contents: HistoryContents;
  /** The store's UUID, for the headers of new segments. */
  store: string;
  segmentBytes: number;
  /** Held while the newest entries change. */
  turn: Turn;
  /** Resolves once the queue may grow. */
  room: () => Promise<void>;
  /** Told after each write, and after one that failed. */
  written: () => void;
  failed: () => void;
}

interface Waiting {
  /** Makes the entry known once everything before it can be read. */
  readonly ready: Draft | (() => Promise<Draft>);
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Appends entries in the order of the calls, many of them with one write behind the last. */
export class HistoryWriter {
  readonly #parts: WriterParts;
  readonly #store: Uint8Array;
  #waiting: Waiting[] = [];
  #running = false;
  #last: Promise<void> = Promise.resolve();
  #heads = new Uint8Array(64 * 1024);
  /** A write failed and what it left behind the end is still there. */
  #litter = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#store = uuidBytes(parts.store);
  }

  /**
   * Resolves once the entry is in the queue; its buffers are borrowed until then. Rejects with a `Fault` when it is not: then
   * neither are those that waited behind it.
   */
  append(ready: Draft | (() => Promise<Draft>)): Promise<void> {
    const appended = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ ready, resolve, reject });
    });
    this.#last = appended.catch(() => undefined);
    if (!this.#running) void this.#run();
    return appended;
  }

  /** Resolves once the entries of earlier calls are in the queue, or are not going to be. */
  settled(): Promise<void> {
    return this.#last;
  }

  /** What waits is not going to be in the queue: what it would follow was taken back. Only while `turn` is held. */
  giveUp(fault: Fault): void {
    for (const { reject } of this.#waiting.splice(0)) reject(fault);
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Calls of the same moment share a write.
    await Promise.resolve();
    const { room, turn, written } = this.#parts;
    while (this.#waiting.length > 0) {
      try {
        await room();
        await turn.run(() => this.#batch());
        written();
      } catch (error) {
        this.#parts.failed();
        for (const { reject } of this.#waiting.splice(0)) reject(error);
      }
    }
    // At once: an entry that comes any later begins another run.
    this.#running = false;
  }

  async #batch(): Promise<void> {
    // Given up before its turn came.
    if (this.#waiting.length === 0) return;
    await this.#clean();
    const drafts: Draft[] = [];
    let bytes = 0;
    while (this.#waiting.length > drafts.length && drafts.length < BATCH_ENTRIES && bytes < BATCH_BYTES) {
      const { ready } = this.#waiting[drafts.length];
      const late = typeof ready === 'function';
      if (late && drafts.length > 0) break;
      const draft = late ? await ready() : ready;
      drafts.push(draft);
      bytes += draft.head.payloadBytes;
      if (late) break;
    }
    try {
      await this.#write(drafts);
    } catch (error) {
      // What is left behind the end is not read by this process; failing this, the next write begins with taking it away.
      await this.#clean().catch(() => undefined);
      throw error;
    }
    for (const { resolve } of this.#waiting.splice(0, drafts.length)) resolve();
  }

  async #write(drafts: readonly Draft[]): Promise<void> {
    const { contents } = this.#parts;
    const { index, timeline } = contents;
    const { number, segment } = await this.#segment();
    this.#reserve(drafts);
    const heads: [head: QueueHead, headBytes: number][] = [];
    const buffers: Uint8Array[] = [];
    let at = 0;
    let bytes = 0;
    let position = segment.end;
    for (const { head, tail, order, buffers: payload } of drafts) {
      const told =
        order === undefined
          ? {}
          : { order: heads.length === 0 ? timeline.orders.orderOf(order) : { ...order, before: 0 } };
      const whole = { ...head, ...told, sequence: index.next + heads.length, durable: contents.synced };
      const headBytes = putHead(this.#heads, at, whole, tail, segment.salt);
      buffers.push(this.#heads.subarray(at, at + headBytes));
      for (const part of payload) buffers.push(part);
      heads.push([whole, headBytes]);
      at += headBytes;
      bytes += headBytes + head.payloadBytes;
    }
    this.#litter = true;
    await segment.append(buffers, bytes);
    this.#litter = false;
    for (const [head, headBytes] of heads) {
      index.add(head, headBytes, number, position, timeline.clockOf(head.at), true);
      timeline.add(head);
      position += headBytes + head.payloadBytes;
    }
  }

  /** Takes away what a failed write left: whole entries among it would count after a restart. */
  async #clean(): Promise<void> {
    const last = this.#parts.contents.last;
    if (!this.#litter || last === undefined) return;
    await last.segment.cut(last.segment.end);
    this.#litter = false;
  }

  /** The segment that the next entry goes to. */
  async #segment() {
    const { contents, segmentBytes } = this.#parts;
    const { last } = contents;
    if (last && last.segment.end < segmentBytes) return last;
    const segment = await contents.folder.create(this.#store, contents.index.next);
    return { number: contents.addSegment(segment), segment };
  }

  #reserve(drafts: readonly Draft[]): void {
    let bytes = 0;
    for (const { head, tail, order } of drafts) bytes += headBytesOf(head.pieces.length, tail.length, order);
    if (bytes > this.#heads.length) this.#heads = new Uint8Array(2 * bytes);
  }
}
