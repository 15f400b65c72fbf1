import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { copyOf } from '../../../../src/base/bytes.ts';
import type { Piece } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { OrderedEntry } from '../../../../src/base/ordered.ts';
import { isFill, isOr } from '../../../../src/base/payload.ts';
import type { Volume, VolumeIdentity } from '../../../../src/base/volume.ts';
import { openHistoryStore } from '../../../../src/unit/history/historyStore.ts';
import type { HistoryOptions, HistoryStore } from '../../../../src/unit/history/historyTypes.ts';
import { memoryFolder } from '../../../leftovers.ts';

export const EPOCH = '01234567-89ab-cdef-0123-456789abcdef';
export const OTHER_EPOCH = '76543210-89ab-cdef-0123-456789abcdef';

/** A medium in memory. What was written is there at once; `flushed` is what a power loss leaves. */
export class Medium implements Volume {
  readonly blockSize = 512;
  readonly down = false;
  bytes: Uint8Array;
  id: string;
  writtenBytes = 0;
  flushes = 0;
  /** When set, asked before every write and flush: it may throw. */
  obstacle: ((what: 'write' | 'flush') => void) | undefined;

  constructor(bytes: number | Uint8Array, id = 'medium') {
    this.bytes = typeof bytes === 'number' ? new Uint8Array(bytes) : copyOf(bytes);
    this.id = id;
  }

  get blocks(): number {
    return this.bytes.length / this.blockSize;
  }

  identity(): VolumeIdentity {
    return { kind: 'memory', id: this.id };
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (offset + into.length > this.bytes.length) throw new Fault('local', 'beyond the end');
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  async writev(pieces: readonly Piece[]): Promise<void> {
    let end = 0;
    for (const piece of pieces) {
      this.obstacle?.('write');
      if (piece.offset < end) throw new Error('pieces are sorted and do not overlap');
      end = piece.offset + piece.length;
      apply(this.bytes, piece);
      this.writtenBytes += piece.length;
    }
  }

  zero(offset: number, length: number): Promise<void> {
    return this.writev([{ offset, length, payload: 'zeros' }]);
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  async flush(): Promise<void> {
    this.obstacle?.('flush');
    this.flushes++;
  }

  async grow(bytes: number): Promise<void> {
    const grown = new Uint8Array(bytes);
    grown.set(this.bytes);
    this.bytes = grown;
  }

  async revive(): Promise<void> {}
  onSizeChange(): void {}
  async close(): Promise<void> {}
}

/** What a piece makes of an image. */
export function apply(image: Uint8Array, { offset, length, payload }: Piece): void {
  if (payload === 'lbnOnly') throw new Error('lbnOnly');
  if (payload === 'zeros') image.fill(0, offset, offset + length);
  else if (isFill(payload)) {
    for (let i = 0; i < length; i++) image[offset + i] = payload.fill[i % payload.fill.length];
  } else if (isOr(payload)) {
    let at = offset;
    for (const part of payload.or) for (const byte of part) image[at++] |= byte;
  } else {
    const bytes = Buffer.concat(payload);
    image.set(bytes.subarray(0, length), offset);
  }
}

export function change(at: number | bigint, pieces: readonly Piece[], consistent = true): OrderedEntry {
  return { kind: 'change', at: BigInt(at), pieces, consistent };
}

export function mark(at: number | bigint, name: string, consistent = true): OrderedEntry {
  return { kind: 'mark', at: BigInt(at), name, consistent };
}

export function data(offset: number, length: number, byte: number): Piece {
  return { offset, length, payload: [new Uint8Array(length).fill(byte)] };
}

export type TestOptions = Partial<Omit<HistoryOptions, 'base'>> & { folder: string; base: Volume };

/** Folders that go with the test, and what stores said. */
export class Lab {
  readonly notices: string[] = [];
  readonly #stores: HistoryStore[] = [];
  #root = '';
  #count = 0;

  async begin(): Promise<void> {
    // Hundreds of stores that sync: in memory where there is such a place.
    this.#root = await mkdtemp(join(memoryFolder(), 'history-'));
    this.notices.length = 0;
  }

  async end(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close().catch(() => undefined);
    await rm(this.#root, { recursive: true });
  }

  folder(): string {
    return join(this.#root, `${++this.#count}`);
  }

  /** The folder as a killed process would have left it. */
  copy(folder: string): string {
    const copy = this.folder();
    mkdirSync(copy);
    for (const name of readdirSync(folder)) {
      try {
        copyFileSync(join(folder, name), join(copy, name));
      } catch (error) {
        // Folding takes its segments away on another thread: it was killed a moment later.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return copy;
  }

  async open(options: TestOptions): Promise<HistoryStore> {
    const notice = (text: string): void => void this.notices.push(text);
    const store = await openHistoryStore({ windowNs: 10n ** 18n, bytes: 2 ** 30, notice, ...options });
    this.#stores.push(store);
    return store;
  }
}

/** Everything that a moment holds. */
export async function imageOf(store: HistoryStore, sequence: number): Promise<Uint8Array> {
  const view = store.view(sequence, { force: true });
  const image = new Uint8Array(view.bytes);
  await view.read(0, image);
  view.close();
  return image;
}
