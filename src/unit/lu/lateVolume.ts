import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume, VolumeIdentity } from '../../base/volume.ts';

/**
 * A volume that need not be there yet: while it could not be opened it is `down`, holds nothing, and every call fails
 * with what stood in the way; `revive` opens it. Afterwards it is that volume.
 */
export class LateVolume<V extends Volume = Volume> implements Volume {
  readonly #name: string;
  readonly #kind: VolumeIdentity['kind'];
  readonly #open: (signal?: AbortSignal) => Promise<V>;
  readonly #listeners: ((blocks: number) => void)[] = [];
  #volume: V | undefined;
  #fault: Fault;
  #closed = false;

  /** `open` may refuse what it finds, by a `Fault`. */
  constructor(name: string, kind: VolumeIdentity['kind'], open: (signal?: AbortSignal) => Promise<V>) {
    this.#name = name;
    this.#kind = kind;
    this.#open = open;
    this.#fault = new Fault('local', `${name} is not open yet`);
  }

  /** The first attempt; rejects as `open` does, and may be repeated by `revive`. */
  async open(signal?: AbortSignal): Promise<void> {
    try {
      const volume = await this.#open(signal);
      if (this.#closed) {
        await volume.close();
        throw new Fault('local', `${this.#name} was closed while it was being opened`);
      }
      this.#volume = volume;
    } catch (error) {
      this.#fault = error as Fault;
      throw error;
    }
    for (const listener of this.#listeners) {
      this.#volume.onSizeChange(listener);
      listener(this.#volume.blocks);
    }
  }

  /** What was opened, once it was. */
  get opened(): V | undefined {
    return this.#volume;
  }

  /** Why it is not open. */
  get fault(): Fault {
    return this.#fault;
  }

  get blockSize(): number {
    return this.#volume?.blockSize ?? 512;
  }

  get blocks(): number {
    return this.#volume?.blocks ?? 0;
  }

  get down(): boolean {
    return this.#volume?.down ?? true;
  }

  get away(): Fault | undefined {
    return this.#volume?.away;
  }

  get losses(): number {
    return this.#volume?.losses ?? 0;
  }

  get unsure(): boolean {
    return this.#volume?.unsure ?? false;
  }

  identity(): VolumeIdentity {
    return this.#volume?.identity() ?? { kind: this.#kind, id: `not open: ${this.#name}` };
  }

  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#volume?.read(offset, into, signal) ?? Promise.reject(this.#fault);
  }

  writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void> {
    return this.#volume?.writev(pieces, options, signal) ?? Promise.reject(this.#fault);
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#volume?.zero(offset, length) ?? Promise.reject(this.#fault);
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.#volume?.unmap(offset, length) ?? Promise.reject(this.#fault);
  }

  flush(): Promise<void> {
    return this.#volume?.flush() ?? Promise.reject(this.#fault);
  }

  grow(bytes: number): Promise<void> {
    return this.#volume?.grow(bytes) ?? Promise.reject(this.#fault);
  }

  revive(signal?: AbortSignal): Promise<void> {
    return this.#volume?.revive(signal) ?? this.open(signal);
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
    this.#volume?.onSizeChange(listener);
  }

  /** A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#volume?.close();
  }
}
