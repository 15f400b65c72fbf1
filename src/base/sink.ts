import type { Barrier, Change, LuId } from './change.ts';
import type { CommandView } from './command.ts';

/** What the bus told about a logical unit; fields are 0 or empty until they were seen or configured. */
export interface LuFacts {
  lu: LuId;
  blockSize: number;
  /** Capacity in blocks. */
  blocks: number;
  /** VPD 83h designators in words, for example `naa.6001405...`. */
  designators: readonly string[];
}

/** A run of bytes of a TCP stream that was not captured. */
export interface HoleView {
  stream: number;
  toTarget: boolean;
  bytes: number;
  /** Nanoseconds since 1970, when it was declared. */
  at: bigint;
}

/** Where `snoop` pushes what it finds, synchronously. Objects handed to `command` and `hole` are borrowed. */
export interface SnoopSink {
  /** Every SCSI command once, when its end is known. */
  command?(view: CommandView): void;
  hole?(view: HoleView): void;
  /**
   * A write-natured command is about to change `[offset, offset + length)` bytes of an LU (the whole of it with
   * `length` 2^53-1): said before any byte that completes the command is handed on, so an inline unit can mark its record.
   */
  intent?(lu: LuId, offset: number, length: number): void;
  /** In the order the mirrors must apply them. */
  change?(change: Change): void;
  barrier?(barrier: Barrier): void;
  /** Block size, capacity or identity became known or changed. */
  facts?(facts: LuFacts): void;
  /** Something an operator should read: hostile or unknown traffic, said once per cause. */
  notice?(text: string): void;
}
