import { compressBody, expandBody } from '../../../hw/linkCompress.ts';
import type { LinkStream } from '../../../hw/linkStream.ts';
import { LinkReader, LinkScribe } from '../../../parsers/formats/linkBytes.ts';
import {
  FRAME_BODY_MAX,
  FRAME_HEADER_BYTES,
  type LinkFrame,
  type LinkType,
  preamble,
} from '../../../parsers/formats/linkFrame.ts';
import { LINK_COMPRESSION, type LinkCompression } from '../../../parsers/formats/linkGreeting.ts';
import { LinkSplitter, type ReceivedFrame } from '../../../parsers/formats/linkSplitter.ts';
import { Fault } from '../../base/fault.ts';
import type { BodyPool } from './bodyPool.ts';
import { LinkOutbox } from './linkOutbox.ts';

export interface LinkEndOptions {
  stream: LinkStream;
  pool: BodyPool;
  /** A frame came; its body comes from the pool, and goes back there by the callee. */
  frame: (type: LinkType, body: Uint8Array) => void;
  /** Bytes came. */
  heard: () => void;
  /** Frames with so many bytes of bodies, as they were given to `send`, have been passed on. */
  written: (bytes: number) => void;
  /** So many bytes took the connection so long, during which it was never idle. */
  carried?: (bytes: number, ns: number) => void;
  /** A frame was compressed: bytes before and after, how long that took, and whether it is sent so. */
  compressed?: (from: number, to: number, ns: number, used: boolean) => void;
  /** The connection is over, or `peer` sent what is no frame: once, and not after `end` or `destroy`. */
  over: (fault: Fault) => void;
  now: () => number;
}

/** A frame on its way out or in that others wait behind. */
interface Slot<T> {
  ready: T | undefined;
}

interface Leaving {
  frame: LinkFrame;
  compression: number;
}

/** Compressed frames that came and are expanded ahead: beyond it nothing is read, and what has come stays as it is. */
const EXPANDING_MAX = 8;
/** A frame that compressing shortens less than this is sent as it was: the far end is spared the work. */
const WORTH = 0.97;

/**
 * One side of a journey link on one connection: frames to bytes and back, compressed where that is wanted, always in order.
 * What `send` is given is gathered until `flush`.
 */
export class LinkEnd {
  readonly #options: LinkEndOptions;
  readonly #splitter: LinkSplitter;
  readonly #leaving: (Slot<Leaving> & { bytes: number })[] = [];
  readonly #coming: (Slot<ReceivedFrame> & { packed: ReceivedFrame | undefined })[] = [];
  readonly #outbox: LinkOutbox;
  /** Bytes given to the stream that it has not passed on, and since when it has been busy with them. */
  #outstanding = 0;
  #busyAt = 0;
  #over = false;
  #told = false;
  #held = false;

  constructor(options: LinkEndOptions) {
    const { stream, pool } = options;
    this.#options = options;
    this.#outbox = new LinkOutbox(pool);
    this.#outbox.begin(preamble());
    this.#splitter = new LinkSplitter(
      (bytes) => pool.take(bytes),
      (frame) => this.#came(frame),
    );
    stream.listen({ received: (bytes) => this.#received(bytes), closed: (fault) => this.#close(fault) });
  }

  /** The version that both sides speak; undefined before the peer's preamble. */
  get version(): number | undefined {
    return this.#splitter.version;
  }

  /** Both sides have greeted: long bodies may come. */
  greeted(): void {
    this.#splitter.bodyMax = FRAME_BODY_MAX;
  }

  send(frame: LinkFrame, compression: LinkCompression = 'none'): void {
    if (this.#over) return;
    const { bytes } = frame;
    if (compression !== 'none') {
      const slot: Slot<Leaving> & { bytes: number } = { ready: undefined, bytes };
      this.#leaving.push(slot);
      // Whatever a compressor may have against it, it can be sent as it is.
      const asItIs = (): Leaving => ({ frame, compression: 0 });
      void this.#compress(frame, compression)
        .catch(asItIs)
        .then((leaving) => {
          slot.ready = leaving;
          this.#leave();
        });
    } else if (this.#leaving.length > 0) this.#leaving.push({ ready: { frame, compression: 0 }, bytes });
    else this.#put({ frame, compression: 0 }, bytes);
  }

  /** Passes on what was sent since the last time; what is sent while that is under way goes together afterwards. */
  flush(): void {
    if (!this.#over && this.#outstanding === 0) this.#write();
  }

  /** Nothing more is read for now, or again. */
  hold(held: boolean): void {
    this.#held = held;
    if (held) this.#pace();
    // Not at once: who lets go may be in the middle of something.
    else queueMicrotask(() => this.#arrive());
  }

  /** Ends it once what was sent has left, or soon. */
  end(): void {
    if (this.#over) return;
    for (const { ready, bytes } of this.#leaving) if (ready) this.#put(ready, bytes);
    while (this.#write());
    this.#stop();
    this.#options.stream.end();
  }

  destroy(): void {
    this.#stop();
    this.#options.stream.destroy();
  }

  /** Writes the next chunk; false where there is none. */
  #write(): boolean {
    const { now, stream, pool } = this.#options;
    const chunk = this.#outbox.next();
    if (!chunk) return false;
    const { bytes, counted } = chunk;
    if (this.#outstanding === 0) this.#busyAt = now();
    this.#outstanding += bytes.length;
    stream.write(bytes, () => {
      pool.give(bytes);
      this.#written(counted, bytes.length);
    });
    return true;
  }

  #written(counted: number, wire: number): void {
    if (this.#over) return;
    const { now, written, carried } = this.#options;
    const at = now();
    carried?.(wire, at - this.#busyAt);
    this.#busyAt = at;
    this.#outstanding -= wire;
    written(counted);
    this.flush();
  }

  #stop(): void {
    this.#over = true;
    this.#splitter.stop();
  }

  #close(fault: Fault): void {
    if (this.#over) return;
    this.#stop();
    this.#tell(fault);
  }

  /** The far end sent what is no frame: the owner has the last word, and ends it. */
  #nonsense(words: string): void {
    if (this.#over) return;
    this.#splitter.stop();
    this.#tell(new Fault('peer', words, 'see that both units are of one version'));
  }

  #tell(fault: Fault): void {
    if (this.#told) return;
    this.#told = true;
    this.#options.over(fault);
  }

  #received(bytes: Uint8Array): void {
    if (this.#over) return;
    this.#options.heard();
    const fault = this.#splitter.push(bytes);
    if (fault) this.#nonsense(fault.reason);
  }

  #came(frame: ReceivedFrame): void {
    if (frame.compression === 0 && this.#coming.length === 0) {
      this.#options.frame(frame.type, frame.body);
      return;
    }
    const ready = frame.compression === 0 ? frame : undefined;
    this.#coming.push({ ready, packed: ready ? undefined : frame });
    this.#unpack();
    this.#pace();
  }

  /** Begins to expand the next ones: a short frame may become a long one, so there are never many. */
  #unpack(): void {
    for (const slot of this.#coming.slice(0, EXPANDING_MAX)) {
      const { packed } = slot;
      if (!packed) continue;
      slot.packed = undefined;
      this.#expand(packed).then(
        (expanded) => {
          slot.ready = expanded;
          this.#arrive();
        },
        (error: Fault) => this.#nonsense(error.message),
      );
    }
  }

  /** Hands over what is ready, in order, unless nothing is wanted for now. */
  #arrive(): void {
    for (let first = this.#coming[0]?.ready; first && !this.#over && !this.#held; first = this.#coming[0]?.ready) {
      this.#coming.shift();
      this.#options.frame(first.type, first.body);
    }
    this.#unpack();
    this.#pace();
  }

  async #expand({ type, compression, body }: ReceivedFrame): Promise<ReceivedFrame> {
    const method = LINK_COMPRESSION[compression];
    if (method === undefined) throw new Fault('peer', `a frame that is compressed in an unknown way (${compression})`);
    const reader = new LinkReader(body);
    const length = reader.varint();
    if (reader.fault || length > FRAME_BODY_MAX) throw new Fault('peer', `a compressed frame of ${length} bytes`);
    const expanded = await expandBody(method, reader.raw(reader.left), Math.max(1, length));
    if (expanded.length !== length)
      throw new Fault('peer', `a compressed frame of ${length} bytes has ${expanded.length}`);
    this.#options.pool.give(body);
    return { type, compression: 0, body: expanded };
  }

  async #compress(frame: LinkFrame, method: LinkCompression): Promise<Leaving> {
    const { now, compressed } = this.#options;
    const started = now();
    const whole = Buffer.concat([frame.head.subarray(FRAME_HEADER_BYTES), ...frame.parts]);
    const small = await compressBody(method, whole);
    const used = small.length <= WORTH * whole.length;
    compressed?.(whole.length, small.length, now() - started, used);
    if (!used) return { frame, compression: 0 };
    const head = new LinkScribe(FRAME_HEADER_BYTES, 4).varint(whole.length).done();
    const bytes = head.length - FRAME_HEADER_BYTES + small.length;
    return { frame: { type: frame.type, head, parts: [small], bytes }, compression: LINK_COMPRESSION.indexOf(method) };
  }

  #leave(): void {
    for (let first = this.#leaving[0]; first?.ready && !this.#over; first = this.#leaving[0]) {
      this.#leaving.shift();
      this.#put(first.ready, first.bytes);
    }
    this.flush();
  }

  #put({ frame, compression }: Leaving, bytes: number): void {
    this.#outbox.put(frame, compression, bytes);
  }

  #pace(): void {
    if (this.#over) return;
    if (this.#held || this.#coming.length > EXPANDING_MAX) this.#options.stream.pause();
    else this.#options.stream.resume();
  }
}
