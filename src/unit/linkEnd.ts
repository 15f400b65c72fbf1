import { compressBody, expandBody } from '../../hw/linkCompress.ts';
import type { LinkStream } from '../../hw/linkStream.ts';
import { LinkReader, LinkScribe } from '../../parsers/formats/linkBytes.ts';
import {
  FRAME_BODY_MAX,
  FRAME_HEADER_BYTES,
  type LinkFrame,
  type LinkType,
  preamble,
  sealFrame,
  sealInto,
} from '../../parsers/formats/linkFrame.ts';
import { LINK_COMPRESSION, type LinkCompression } from '../../parsers/formats/linkGreeting.ts';
import { LinkSplitter, type ReceivedFrame } from '../../parsers/formats/linkSplitter.ts';
import { Fault } from '../base/fault.ts';
import type { BodyPool } from './bodyPool.ts';

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
/** Frames with shorter bodies are copied together, so that a thousand of them are one call: measured twice as fast. */
const SHORT_BODY = 32 * 1024;
const STAGE_BYTES = 256 * 1024;
/** Less than this is not worth a call of its own while another is under way. */
const BATCH_MIN = 64 * 1024;
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
  #batch: Uint8Array[] = [preamble()];
  /** Where short frames are put together: what of it is in no batch yet, and what the batch has taken. */
  #stage: { bytes: Uint8Array; from: number; to: number } | undefined;
  #staged: Uint8Array[] = [];
  #batchBytes = 0;
  #batchWire = 0;
  /** Bytes given to the stream that it has not passed on, and since when it has been busy with them. */
  #outstanding = 0;
  #busyAt = 0;
  #sequence = 0;
  #over = false;
  #told = false;
  #held = false;

  constructor(options: LinkEndOptions) {
    const { stream, pool } = options;
    this.#options = options;
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

  /** Passes on what was sent since the last time; little waits behind what is still under way, and goes with what follows. */
  flush(now = false): void {
    if (this.#over || (!now && this.#outstanding > 0 && this.#batchWire < BATCH_MIN)) return;
    this.#cutStage();
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    const staged = this.#staged;
    this.#staged = [];
    const bytes = this.#batchBytes;
    const wire = this.#batchWire;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#batchWire = 0;
    if (this.#outstanding === 0) this.#busyAt = this.#options.now();
    this.#outstanding += wire;
    this.#options.stream.write(batch, () => {
      for (const part of staged) this.#options.pool.give(part);
      this.#written(bytes, wire);
    });
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
    this.flush(true);
    this.#stop();
    this.#options.stream.end();
  }

  destroy(): void {
    this.#stop();
    this.#options.stream.destroy();
  }

  #written(bytes: number, wire: number): void {
    if (this.#over) return;
    const { now, written, carried } = this.#options;
    const at = now();
    carried?.(wire, at - this.#busyAt);
    this.#busyAt = at;
    this.#outstanding -= wire;
    written(bytes);
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
    if (frame.bytes < SHORT_BODY) this.#toStage(frame, compression);
    else {
      this.#cutStage();
      this.#batch.push(...sealFrame(frame, this.#sequence++, compression));
    }
    this.#batchBytes += bytes;
    this.#batchWire += FRAME_HEADER_BYTES + frame.bytes;
  }

  #toStage(frame: LinkFrame, compression: number): void {
    const { pool } = this.#options;
    if (this.#stage && this.#stage.to + FRAME_HEADER_BYTES + frame.bytes > STAGE_BYTES) this.#endStage();
    this.#stage ??= { bytes: pool.take(STAGE_BYTES), from: 0, to: 0 };
    const { bytes, to } = this.#stage;
    this.#stage.to = sealInto(bytes, to, frame, this.#sequence++, compression);
  }

  /** What has been staged goes out in its turn; what comes next is put behind it. */
  #cutStage(): void {
    const stage = this.#stage;
    if (!stage || stage.from === stage.to) return;
    this.#batch.push(stage.bytes.subarray(stage.from, stage.to));
    stage.from = stage.to;
    if (stage.to > STAGE_BYTES / 2) this.#endStage();
  }

  /** Its memory is the pool's again once the batch has been passed on. */
  #endStage(): void {
    const stage = this.#stage;
    if (!stage) return;
    if (stage.from < stage.to) this.#batch.push(stage.bytes.subarray(stage.from, stage.to));
    this.#staged.push(stage.bytes);
    this.#stage = undefined;
  }

  #pace(): void {
    if (this.#over) return;
    if (this.#held || this.#coming.length > EXPANDING_MAX) this.#options.stream.pause();
    else this.#options.stream.resume();
  }
}
