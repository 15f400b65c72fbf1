/** A name for a logical unit: `TARGET-NAME/LUN`, or `IP:PORT/LUN` where no login was seen. */
export type LuId = string;

/**
 * What a run of bytes became:
 * bytes (in one or more parts that together have the run's length), one block repeated (`fill`, WRITE SAME), zeros,
 * what lay there with bytes ORed into it (`or`, ORWRITE: parts as for bytes; whole blocks),
 * or unknown (`lbnOnly`: to be read back from where the blocks lie).
 */
export type Payload =
  | readonly Uint8Array[]
  | { readonly fill: Uint8Array }
  | { readonly or: readonly Uint8Array[] }
  | 'zeros'
  | 'lbnOnly';

/** A run of bytes in the LU; `lbnOnly` and `or` runs are whole blocks. Offsets and lengths are bytes. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly payload: Payload;
}

/** Why a change carries no data, in one word for reports and metrics. */
export type Doubt =
  | 'no-room' // the buffer was short of room
  | 'hole' // bytes of the data were not captured, or were disputed
  | 'digest' // a data digest proved the data wrong
  | 'outcome' // the status says that a part may have been written
  | 'lost-status' // the status was not seen
  | 'aborted' // task management, reset or a dropped connection
  | 'overlap' // two writes in flight on the same blocks
  | 'effect' // the command's effect is not in its data (WRITE LONG, EXTENDED COPY, ...)
  | 'cache-loss' // a volatile cache may have lost what it had acknowledged
  | 'lost-command' // a command was not seen and its extents cannot be proved
  | 'unknown-command' // an opcode without a known effect carried data out
  | 'unseen' // the unit was not looking: nothing is known of what the hosts did meanwhile
  | 'block-size' // the block size was never learned
  | 'identity'; // the LU could not be identified

/** One completed write-natured command as a mirror sees it: one `seq`, however many pieces. */
export interface Change {
  seq: number;
  /** Nanoseconds since 1970. */
  at: bigint;
  lu: LuId;
  pieces: readonly Piece[] | 'wholeLu';
  fua: boolean;
  doubt?: Doubt;
  /** No command told of it: what it leaves in doubt may have been so since before what was pushed last. */
  late?: true;
  /**
   * Where what is mirrored is itself a mirror that keeps an order (D3): whether it holds a moment once this is applied. Stays
   * as it was where it is absent; a bus has moments only.
   */
  consistent?: boolean;
  /** Its number in the order that its volume shares with others (C5); later ones have higher numbers. */
  order?: number;
  /** Who wrote it (initiator name, or address), and the command's name; absent where no command told of it. */
  host?: string;
  operation?: string;
  /** The room its data lies in, given back once no mirror needs it. Absent when no piece holds leased bytes. */
  lease?: Lease;
}

/** SYNCHRONIZE CACHE, as the host was promised it. */
export interface Barrier {
  seq: number;
  at: bigint;
  lu: LuId;
  /** A bookmark (requirement C2), which an ordered mirror keeps by this name. */
  name?: string;
  /** As of a change. */
  consistent?: boolean;
  order?: number;
}

/** Bounded memory for write data, lent in a few contiguous parts. */
export interface Lease {
  /** Parts in order; their lengths add up to at least the bytes asked for. */
  readonly parts: readonly Uint8Array[];
  /** Bytes of the room that this lease occupies. */
  readonly bytes: number;
}

/** Where write data lands while its task is open (see `src/buffer/room.ts`). */
export interface LeaseRoom {
  /** A lease for `bytes`, or undefined when room is short: then the change keeps only its LBNs. */
  take(bytes: number): Lease | undefined;
  give(lease: Lease): void;
  /** True while the source should pause because a mirror is still draining. */
  readonly full: boolean;
}
