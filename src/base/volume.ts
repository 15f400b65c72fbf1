import type { Piece } from './change.ts';
import type { Fault } from './fault.ts';

/** What tells one medium from another (VPD 83h designators, serial number, or device and inode of a file). */
export interface VolumeIdentity {
  kind: 'file' | 'block' | 'lu' | 'memory';
  /** Stable words: two volumes with one id are the same medium. */
  id: string;
}

/** A medium that holds blocks: a file, a block device, an LU behind an initiator. All offsets and lengths in bytes. */
export interface Volume {
  readonly blockSize: number;
  readonly blocks: number;
  identity(): VolumeIdentity;
  /** Fills `into` from `offset`; rejects with a `Fault` when the medium cannot give all of it. */
  read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** Writes pieces that do not overlap; none is `lbnOnly` or `or`. With `fua` they are durable when the promise resolves. */
  writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void>;
  zero(offset: number, length: number): Promise<void>;
  unmap(offset: number, length: number): Promise<void>;
  flush(): Promise<void>;
  /** Makes the medium at least `bytes` long where it can grow; rejects with a `Fault` where it cannot. */
  grow(bytes: number): Promise<void>;
  /** True while calls fail because the medium cannot be reached at all; `revive` tells when that is over. */
  readonly down: boolean;
  /**
   * Why it is not reached at present: it is silent, and calls wait for it; or its session was lost a while ago (`unreachable`),
   * and calls wait for the next one, or fail (`down`) as that took too long. Absent where nobody can tell before a call fails.
   */
  readonly away?: Fault | undefined;
  /**
   * How often what was acknowledged and not made durable may have been lost (a target's volatile cache), counted before
   * anything is read from then on. Absent where that cannot happen while this process lives.
   */
  readonly losses?: number;
  /**
   * True once a flush failed: the system may have given up what it was to write and go on showing it, so what is read proves
   * nothing about the medium. What is in doubt is written again then, whatever is read. Absent where that cannot happen.
   */
  readonly unsure?: boolean;
  /** Resolves once the medium answers (again); rejects with a `Fault` that says why it does not. Bounded in time. */
  revive(signal?: AbortSignal): Promise<void>;
  onSizeChange(listener: (blocks: number) => void): void;
  close(): Promise<void>;
}
