import type { Writable } from 'node:stream';
import { Fault } from '../base/fault.ts';

const CHUNK_CHARACTERS = 65536;

/**
 * Text to a stream in large chunks. A reader that went away (`| head`) is no failure: writing then does nothing, and
 * `onClosed` is called once so that the work can end.
 */
export class Output {
  readonly #stream: Writable;
  readonly #onClosed: () => void;
  #pending = '';
  #full = false;
  #closed = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(stream: Writable, onClosed: () => void) {
    this.#stream = stream;
    this.#onClosed = onClosed;
    stream.on('error', this.#onError);
    stream.on('drain', this.#onDrain);
  }

  /** True once nobody reads any more. */
  get closed(): boolean {
    return this.#closed;
  }

  write(text: string): void {
    if (this.#closed) return;
    this.#pending += text;
    if (this.#pending.length >= CHUNK_CHARACTERS) this.#push();
  }

  /** A promise while the stream has more than it can take (it resolves when there is room), else undefined. */
  ready(): Promise<void> | undefined {
    if (!this.#full || this.#closed) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Writes what is left and waits until the stream has taken it. Rejects with a `Fault` when it could not be written. */
  async finish(): Promise<void> {
    if (!this.#closed && this.#pending !== '') this.#push();
    await this.ready();
    if (!this.#closed) {
      // A write's callback comes after those of all writes before it, and also when the stream fails.
      await new Promise<void>((resolve) => this.#stream.write('', () => resolve()));
    }
    this.#stream.off('drain', this.#onDrain);
    // The error listener stays: a late EPIPE must not become an uncaught exception.
    if (this.#failure !== undefined) {
      throw new Fault('local', `standard output: ${this.#failure.message}`, 'make room there or write elsewhere');
    }
  }

  #push(): void {
    const text = this.#pending;
    this.#pending = '';
    if (!this.#stream.write(text)) this.#full = true;
  }

  readonly #onDrain = (): void => {
    this.#full = false;
    this.#wake?.();
    this.#wake = undefined;
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = '';
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') this.#failure = error;
    this.#wake?.();
    this.#onClosed();
  };
}
