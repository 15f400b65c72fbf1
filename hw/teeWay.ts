import type { OnReadOpts, Socket } from 'node:net';
import type { TeeAwake } from './teeAwake.ts';
import type { ReadBuffer, TeeBuffers } from './teeBuffers.ts';

/** Bytes that wait for a slow reader before nothing more is read for it. */
const WAITING_MAX = 256 * 1024;

const NOTHING = new Uint8Array(0);

/** Why a source is not read from. */
export const SLOW = 1;
export const HELD = 2;
export const STOPPED = 4;

/**
 * One direction of a connection: what `source` brings goes to `sink`, in the same buffer it was read into. A buffer is read
 * into again only once everything handed to the sink has left it.
 */
export class TeeWay implements OnReadOpts {
  /** Decides what becomes of bytes that were read, and calls `pass` for those that go on as they are. */
  readonly #read: (bytes: Uint8Array, length: number) => void;
  readonly #buffers: TeeBuffers;
  readonly #awake: TeeAwake;
  #source: Socket | undefined;
  #sink: Socket | undefined;
  #at: ReadBuffer;
  /** Buffers whose bytes the sink has not sent yet. */
  readonly #lent: ReadBuffer[] = [];
  #paused = 0;

  constructor(buffers: TeeBuffers, awake: TeeAwake, read: (bytes: Uint8Array, length: number) => void) {
    this.#buffers = buffers;
    this.#awake = awake;
    this.#read = read;
    this.#at = buffers.take();
  }

  /** OnReadOpts: where the next read goes. */
  readonly buffer = (): Uint8Array => this.#at.bytes;

  /** OnReadOpts: `length` bytes were read. */
  readonly callback = (length: number, bytes: Uint8Array): boolean => {
    this.#read(bytes, length);
    this.#awake.arrived();
    return this.#paused === 0;
  };

  /** Both ends stand. */
  join(source: Socket, sink: Socket): void {
    this.#source = source;
    this.#sink = sink;
    sink.on('drain', () => {
      this.#takeBack();
      this.resume(SLOW);
    });
  }

  /** Bytes of somebody else's making, in their turn. They must not change any more. */
  write(bytes: Uint8Array): void {
    this.#sink?.write(bytes);
    this.#wait();
  }

  pause(reason: number): void {
    if (this.#paused === 0) this.#source?.pause();
    this.#paused |= reason;
  }

  resume(reason: number): void {
    if ((this.#paused & reason) === 0) return;
    this.#paused &= ~reason;
    if (this.#paused === 0 && this.#source?.destroyed === false) this.#source.resume();
  }

  /**
   * Looks whether a source that is not read from, or has ended, was reset: nobody else does, as the event loop waits for
   * nothing from it. Writing no bytes sends nothing and meets what happened to the connection; that it was reset comes as an
   * error before the event loop turns.
   */
  probe(): void {
    const source = this.#source;
    const silent = this.#paused !== 0 || source?.readableEnded === true;
    if (silent && source?.writable === true && source.writableLength === 0) source.write(NOTHING);
  }

  /** Both sockets are closed. */
  release(): void {
    this.#takeBack(true);
    this.#buffers.give(this.#at);
    this.#source = undefined;
    this.#sink = undefined;
  }

  /** Hands on what was just read; the bytes stay as they are until the read is over. */
  pass(bytes: Uint8Array, length: number): void {
    const sink = this.#sink as Socket;
    const own = bytes === this.#at.bytes;
    sink.write(own ? this.#at.view(length) : bytes);
    if (sink.writableLength === 0) {
      this.#takeBack();
      return;
    }
    if (own) {
      this.#lent.push(this.#at);
      this.#at = this.#buffers.take();
    }
    this.#wait();
  }

  #wait(): void {
    if ((this.#sink?.writableLength ?? 0) >= WAITING_MAX) this.pause(SLOW);
  }

  /** What the sink has sent may be read into again. */
  #takeBack(over = false): void {
    if (this.#lent.length === 0 || !(over || this.#sink?.writableLength === 0)) return;
    for (const buffer of this.#lent) this.#buffers.give(buffer);
    this.#lent.length = 0;
  }
}
