/** Checksums of a volume's blocks, and of runs of them (requirement D4): the geometry that both ends of a link share. */

/** Bytes of a checksum. */
export const SUM_BYTES = 16;
/** Nodes of one level under a node of the next. Level 0 are the blocks. */
export const FAN_OUT = 64;
/** Bytes of a block, unless a volume's own are longer. */
export const TABLE_BLOCK = 4096;
export const TABLE_BLOCK_MAX: number = 1024 * 1024;
/** Levels at most: a node of the highest covers 2^48 bytes and more, and the largest volumes have several of them. */
export const LEVELS_MAX = 7;

/** Nodes one behind the other. */
export interface NodeRun {
  readonly first: number;
  readonly count: number;
}

/** Some nodes of one level and their checksums. */
export interface NodeSums {
  readonly level: number;
  readonly blockBytes: number;
  /** In order, apart. */
  readonly runs: readonly NodeRun[];
  /** `SUM_BYTES` for each node. */
  readonly sums: Uint8Array;
}

/** Bytes of the volume under a node. */
export function nodeBytes(blockBytes: number, level: number): number {
  return blockBytes * FAN_OUT ** level;
}

/** Checksums of what a volume holds, as far as they are known to be true of now. */
export interface BlockSums {
  readonly blockBytes: number;
  /** Length of the volume. */
  readonly bytes: number;
  /** The checksum of a node; undefined where it may not be true any more. The caller's own. */
  sum(level: number, index: number): Uint8Array | undefined;
  /** The same, put into `into` at `at`; false where it is not known. */
  put(level: number, index: number, into: Uint8Array, at: number): boolean;
}

/** Where a block table lies (a file). */
export interface TableStorage {
  /** Fills `into`; zeros where nothing was written. Throws a `Fault`. */
  read(position: number, into: Uint8Array): void;
  /** When it returns, a killed process has lost nothing of it (a power loss may). Throws a `Fault`. */
  write(position: number, bytes: Uint8Array): void;
  /** Resolves once everything written before the call survives a power loss. */
  sync(): Promise<void>;
  /** The next opening finds nothing; a killed process cannot undo it. Throws a `Fault`. */
  discard(): void;
}
