import {
  ENTRY_MAGIC,
  HEAD_BYTES_MAX,
  HEAD_BYTES_MIN,
  headLength,
  type ReadHead,
  readHead,
} from '../parsers/formats/queueEntry.ts';
import { isParseFault } from '../src/base/fault.ts';
import type { QueueSegment } from './queueSegment.ts';

const WINDOW_BYTES = 256 * 1024;
/** Behind a payload longer than this only a head is read: most of a window would be payload. */
const FAR_BYTES = 64 * 1024;
const NEAR_BYTES = 4096;

/** Where the whole entries of a segment end, and why there, unless that is the end of the file. */
export interface ScanEnd {
  readonly position: number;
  readonly reason: string | undefined;
}

/**
 * Walks the heads of a segment from `position` on and hands over those of entries that lie in the file whole; payloads are
 * passed over. `take` may refuse an entry with a reason: then it ends there.
 */
export async function scanHeads(
  segment: QueueSegment,
  position: number,
  take: (head: ReadHead, position: number) => string | undefined,
): Promise<ScanEnd> {
  const window = new Window(segment);
  let at = position;
  while (at < segment.end) {
    const head = await headAt(window, at);
    if (typeof head === 'string') return { position: at, reason: head };
    if (at + head.headBytes + head.payloadBytes > segment.end) return { position: at, reason: 'the entry is cut' };
    const refused = take(head, at);
    if (refused !== undefined) return { position: at, reason: refused };
    at += head.headBytes + head.payloadBytes;
  }
  return { position: at, reason: undefined };
}

/** Whether some whole head behind `position` belongs to an entry that was written once `sequence` was durable. */
export async function provesDurable(segment: QueueSegment, position: number, sequence: number): Promise<boolean> {
  const window = new Window(segment);
  for (let at = position; at + HEAD_BYTES_MIN <= segment.end; ) {
    const bytes = await window.from(at);
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(ENTRY_MAGIC);
    if (found < 0) {
      // The magic may stand across the windows' border.
      at += Math.max(1, bytes.length - ENTRY_MAGIC.length + 1);
      continue;
    }
    const head = await headAt(window, at + found);
    if (typeof head !== 'string' && head.sequence > sequence && head.durable >= sequence) return true;
    at += found + 1;
  }
  return false;
}

async function headAt(window: Window, at: number): Promise<ReadHead | string> {
  const start = await window.bytes(at, HEAD_BYTES_MIN);
  if (start === undefined) return 'the head is cut';
  const length = headLength(start);
  if (isParseFault(length)) return length.reason;
  const bytes = await window.bytes(at, length);
  if (bytes === undefined) return 'the head is cut';
  const head = readHead(bytes, window.salt);
  return isParseFault(head) ? head.reason : head;
}

/** A part of a segment in memory, which moves on. */
class Window {
  readonly #segment: QueueSegment;
  #bytes: Uint8Array;
  #start = 0;
  #length = 0;

  constructor(segment: QueueSegment) {
    this.#segment = segment;
    this.#bytes = new Uint8Array(WINDOW_BYTES);
  }

  get salt(): number {
    return this.#segment.salt;
  }

  /** `length` bytes at `at`, borrowed until the next call; undefined where the file is shorter. */
  async bytes(at: number, length: number): Promise<Uint8Array | undefined> {
    if (at + length > this.#segment.end || length > HEAD_BYTES_MAX) return undefined;
    if (at < this.#start || at + length > this.#start + this.#length) {
      const far = at - (this.#start + this.#length) > FAR_BYTES || at < this.#start;
      await this.#fill(at, Math.max(length, far ? NEAR_BYTES : WINDOW_BYTES));
    }
    return this.#bytes.subarray(at - this.#start, at - this.#start + length);
  }

  /** What the window holds from `at` on, at least one byte. */
  async from(at: number): Promise<Uint8Array> {
    if (at < this.#start || at + HEAD_BYTES_MIN > this.#start + this.#length) await this.#fill(at, WINDOW_BYTES);
    return this.#bytes.subarray(at - this.#start, this.#length);
  }

  async #fill(at: number, wanted: number): Promise<void> {
    const length = Math.min(wanted, this.#segment.end - at);
    if (length > this.#bytes.length) this.#bytes = new Uint8Array(length);
    this.#length = 0;
    await this.#segment.read(at, this.#bytes.subarray(0, length));
    this.#start = at;
    this.#length = length;
  }
}
