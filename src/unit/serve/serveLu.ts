import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { ServedMedium } from '../../base/servedMedium.ts';
import { ServeRanges } from './serveRanges.ts';

export interface ServeLuOptions {
  medium: ServedMedium;
  /** Bytes that may lie in the system's cache, written and not made durable, before a flush begins by itself. */
  dirtyBytes: number;
  /** Makes the state of that name durable. */
  keep(name: 'reservations' | 'modes', bytes: Uint8Array): Promise<void>;
  /** A flush failed: what was written before it may be lost, and nothing more is written. */
  broken(fault: Fault): void;
}

/** What a logical unit does at its medium, and how often, since the start. */
export interface ServeCounts {
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
  unmappedBytes: number;
  flushes: number;
}

/** A medium as one logical unit uses it: who has which bytes, and what is durable. */
export class ServeLu {
  readonly medium: ServedMedium;
  readonly ranges = new ServeRanges();
  readonly counts: ServeCounts = { reads: 0, readBytes: 0, writes: 0, writtenBytes: 0, unmappedBytes: 0, flushes: 0 };
  readonly #options: ServeLuOptions;
  /** Bytes written since the last flush began, and those it is about. */
  #dirty = 0;
  #flushing = 0;
  #next: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();
  #broken: Fault | undefined;
  #closing = false;
  /** Calls at the medium that have not ended, and who waits until none is left. */
  #calls = 0;
  #idle: (() => void) | undefined;

  constructor(options: ServeLuOptions) {
    this.#options = options;
    this.medium = options.medium;
  }

  /** Bytes that a power loss would take. */
  get dirtyBytes(): number {
    return this.#dirty + this.#flushing;
  }

  read(offset: number, into: Uint8Array): Promise<void> | undefined {
    this.#served();
    this.counts.reads++;
    this.counts.readBytes += into.length;
    const reading = this.medium.read(offset, into);
    return reading && this.#call(reading);
  }

  /** With `fua` it is durable when it is done. */
  write(pieces: readonly Piece[], fua: boolean): Promise<void> | undefined {
    this.#mayWrite();
    let bytes = 0;
    for (const { length } of pieces) bytes += length;
    this.counts.writes++;
    this.counts.writtenBytes += bytes;
    const writing = this.medium.write(pieces);
    if (writing === undefined) return this.#wrote(bytes, fua);
    return this.#call(writing).then(() => this.#wrote(bytes, fua));
  }

  unmap(offset: number, length: number, fua: boolean): Promise<void> | undefined {
    this.#mayWrite();
    this.counts.unmappedBytes += length;
    const freeing = this.medium.unmap(offset, length);
    // Nothing of it lies in memory, but it is not durable either.
    if (freeing === undefined) return this.#wrote(1, fua);
    return this.#call(freeing).then(() => this.#wrote(1, fua));
  }

  /** Resolves once everything that was done before the call is durable; those who ask meanwhile share one flush. */
  flush(): Promise<void> {
    if (this.#broken !== undefined) throw this.#broken;
    if (this.#next !== undefined) return this.#next;
    // It begins behind the bytes that are being looked at now, so that all their writes share it.
    const next = this.#last.then(() => this.#begin());
    this.#next = next;
    this.#last = next.catch(() => undefined);
    return next;
  }

  /** Makes the state of that name durable. */
  keep(name: 'reservations' | 'modes', bytes: Uint8Array): Promise<void> {
    this.#served();
    return this.#options.keep(name, bytes);
  }

  /** What is under way ends, nothing begins any more, and what was written is durable. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    try {
      if (this.#broken === undefined && this.dirtyBytes > 0) await this.flush();
    } finally {
      await this.#last;
      await this.medium.close();
    }
  }

  /** Commands that still run find that their logical unit is gone. */
  #served(): void {
    if (this.#closing) throw new Fault('local', 'the logical unit is no longer served');
  }

  #mayWrite(): void {
    this.#served();
    if (this.#broken !== undefined) throw this.#broken;
  }

  async #call(call: Promise<void>): Promise<void> {
    this.#calls++;
    try {
      await call;
    } finally {
      this.#calls--;
      if (this.#calls === 0) this.#idle?.();
    }
  }

  #wrote(bytes: number, fua: boolean): Promise<void> | undefined {
    this.#dirty += bytes;
    if (fua) return this.flush();
    const { dirtyBytes } = this.#options;
    if (this.#dirty > dirtyBytes / 2) {
      const flush = this.flush();
      if (this.dirtyBytes > dirtyBytes) return flush;
      // Who asks for it next is told of the failure.
      flush.catch(() => undefined);
    }
    return undefined;
  }

  async #begin(): Promise<void> {
    this.#next = undefined;
    if (this.#broken !== undefined) throw this.#broken;
    this.#flushing = this.#dirty;
    this.#dirty = 0;
    this.counts.flushes++;
    try {
      await this.medium.flush();
    } catch (error) {
      throw this.#break(error);
    } finally {
      this.#flushing = 0;
    }
  }

  /** The system may have given up what it was to write, and would call the next flush a success. */
  #break(error: unknown): Fault {
    const why = error instanceof Error ? error.message : String(error);
    const mend = 'look after the medium, then serve it again';
    this.#broken = new Fault('local', `nothing more is written after a flush failed: ${why}`, mend, { cause: error });
    this.#options.broken(this.#broken);
    return this.#broken;
  }
}
