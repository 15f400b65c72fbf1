import { createGunzip, type Gunzip } from 'node:zlib';
import type { ByteSource } from './captureBytes.ts';

/**
 * Packed bytes handed to the inflater at a time. It is fed only when all it made was taken, so that what it made is not
 * lost when it breaks; one piece grows at most a thousandfold.
 */
const PIECE = 8192;

/** Whether the first bytes are those of gzip (RFC 1952 section 2.3.1). */
export function isGzip(head: Uint8Array): boolean {
  return head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b;
}

/** Unpacks gzip, of any number of members. Breaks with an error only after everything before the break was handed out. */
export class GunzipBytes implements ByteSource {
  readonly #packed: ByteSource;
  readonly #gunzip: Gunzip;
  readonly #piece = new Uint8Array(PIECE);
  readonly #made: Uint8Array[] = [];
  #state: 'open' | 'ended' | 'broken' = 'open';
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(packed: ByteSource) {
    this.#packed = packed;
    this.#gunzip = createGunzip({ chunkSize: 1 << 16 });
    this.#gunzip.on('data', (made: Uint8Array) => {
      if (made.length > 0) this.#made.push(made);
    });
    this.#gunzip.on('end', () => this.#settle('ended'));
    this.#gunzip.on('error', (error) => {
      this.#error = error;
      this.#settle('broken');
    });
  }

  get position(): number {
    return this.#packed.position;
  }

  get total(): number {
    return this.#packed.total;
  }

  async read(into: Uint8Array): Promise<number> {
    while (this.#made.length === 0 && this.#state === 'open') await this.#feed();
    const made = this.#made[0];
    if (made === undefined) {
      if (this.#error !== undefined) throw this.#error;
      return 0;
    }
    const taken = Math.min(made.length, into.length);
    into.set(made.subarray(0, taken));
    if (taken === made.length) this.#made.shift();
    else this.#made[0] = made.subarray(taken);
    return taken;
  }

  /** Gives the inflater a piece, or the end, and waits until it has made all of it that it can. */
  async #feed(): Promise<void> {
    const taken = await this.#packed.read(this.#piece);
    if (this.#state !== 'open') return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (taken === 0) this.#gunzip.end();
      else this.#gunzip.write(this.#piece.subarray(0, taken), () => resolve());
    });
  }

  #settle(state: 'ended' | 'broken'): void {
    if (this.#state === 'open') this.#state = state;
    this.#wake();
  }

  async close(): Promise<void> {
    this.#settle('ended');
    this.#gunzip.destroy();
    await this.#packed.close();
  }
}
