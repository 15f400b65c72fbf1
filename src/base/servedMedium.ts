import type { Piece } from './change.ts';

/**
 * A medium as a target uses it. What is quick is done before the call returns, which then gives undefined; a promise costs
 * more than a read of 4 KiB that lies in memory. Failures are `Fault`s, thrown or rejected with. Offsets and lengths are bytes.
 */
export interface ServedMedium {
  readonly bytes: number;
  /** Bytes that the medium itself handles together, a power of two: the unit of its room. */
  readonly granularity: number;
  /** True where `unmap` gives room back. */
  readonly thin: boolean;
  /** Fills `into`. */
  read(offset: number, into: Uint8Array): Promise<void> | undefined;
  /** Pieces that do not overlap; the bytes are the caller's again when it is done. Durable after `flush`. */
  write(pieces: readonly Piece[]): Promise<void> | undefined;
  /** Reads as zeros from then on; durable after `flush`. */
  unmap(offset: number, length: number): Promise<void> | undefined;
  /** What was done before the call is durable when it resolves. */
  flush(): Promise<void>;
  /** Runs that take room, in order, at most `max` of them; more than that where it is not known. */
  mapped(offset: number, length: number, max: number): readonly (readonly [offset: number, length: number])[];
  onSizeChange(listener: (bytes: number) => void): void;
  close(): Promise<void>;
}
