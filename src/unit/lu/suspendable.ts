import type { Piece } from '../../base/change.ts';
import type { Fault } from '../../base/fault.ts';
import type { Volume, VolumeIdentity } from '../../base/volume.ts';

/**
 * A volume that can be taken away from its user for a while: calls fail then as those of a medium that cannot be reached,
 * and it comes back as one that answers again. Whoever took it has `inner`.
 */
export class SuspendableVolume implements Volume {
  readonly inner: Volume;
  #fault: Fault | undefined;
  #calls = 0;
  #idle: (() => void)[] = [];

  /** `fault`: it is away from the beginning. */
  constructor(inner: Volume, fault?: Fault) {
    this.inner = inner;
    this.#fault = fault;
  }

  /** Takes it away; resolves once no call that was made before is under way. */
  async suspend(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (this.#calls > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  resume(): void {
    this.#fault = undefined;
  }

  get blockSize(): number {
    return this.inner.blockSize;
  }

  get blocks(): number {
    return this.inner.blocks;
  }

  get down(): boolean {
    return this.#fault !== undefined || this.inner.down;
  }

  get away(): Fault | undefined {
    return this.inner.away;
  }

  get losses(): number {
    return this.inner.losses ?? 0;
  }

  get unsure(): boolean {
    return this.inner.unsure ?? false;
  }

  identity(): VolumeIdentity {
    return this.inner.identity();
  }

  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#call(() => this.inner.read(offset, into, signal));
  }

  writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void> {
    return this.#call(() => this.inner.writev(pieces, options, signal));
  }

  zero(offset: number, length: number): Promise<void> {
    return this.#call(() => this.inner.zero(offset, length));
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.#call(() => this.inner.unmap(offset, length));
  }

  flush(): Promise<void> {
    return this.#call(() => this.inner.flush());
  }

  grow(bytes: number): Promise<void> {
    return this.#call(() => this.inner.grow(bytes));
  }

  revive(signal?: AbortSignal): Promise<void> {
    return this.#call(() => this.inner.revive(signal));
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.inner.onSizeChange(listener);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  async #call(call: () => Promise<void>): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault;
    this.#calls++;
    try {
      await call();
    } finally {
      this.#calls--;
      if (this.#calls === 0) for (const idle of this.#idle.splice(0)) idle();
    }
  }
}
