import type { BlockSums, NodeSums } from './blocks.ts';
import type { Piece } from './change.ts';
import type { Extents } from './extents.ts';
import type { Volume } from './volume.ts';

/**
 * One step of a volume's history, as an ordered mirror is given it. Applied in the order given, each step whole or not at all.
 *
 * No piece is `lbnOnly`; pieces of one entry do not overlap. `at` is nanoseconds since 1970, as the bus gave it.
 * `consistent`: once this entry is applied the mirror holds what the first volume held at one moment (requirement C1).
 */
export type OrderedEntry = OrderedKind & {
  /** Absent: the volume shares its order with no other. */
  readonly order?: SharedPlace;
};

type OrderedKind =
  /** One completed write-natured command; without the pieces that nobody knows, and then not `consistent`. */
  | { readonly kind: 'change'; readonly at: bigint; readonly pieces: readonly Piece[]; readonly consistent: boolean }
  /** Blocks read back from the first volume: they may be newer than entries that are still to come. */
  | { readonly kind: 'copy'; readonly at: bigint; readonly pieces: readonly Piece[]; readonly consistent: boolean }
  /** A bookmark (requirement C2). */
  | { readonly kind: 'mark'; readonly at: bigint; readonly name: string; readonly consistent: boolean }
  /** Nothing but a change of `consistent`: a mirror that has caught up, or that begins with something unknown. */
  | { readonly kind: 'state'; readonly at: bigint; readonly consistent: boolean };

/** Where an entry stands in the order that volumes of one consistency group share (requirement C5). */
export interface SharedPlace {
  /**
   * Counts the changes of all those volumes as the bus gave them; never less than that of an earlier entry of the process. Once
   * the entry is applied, the mirror holds what came of the changes of its volume up to there (if it is consistent).
   */
  readonly number: number;
  /** Of what the bus gave between the entry before and this one nothing that is the volume's was left out. */
  readonly joined: boolean;
}

/** A mirror that keeps the order of changes and not only their outcome: a journey link, or a volume with a history. */
export interface OrderedVolume extends Volume {
  /**
   * Adds an entry behind those of earlier calls. Resolves once it is durable there, in order; its bytes must not change
   * until then. A break that can be mended is waited for; it rejects with a `Fault` only when the entry will never be
   * durable there by this call (the volume was closed, refused, or has lost what it had).
   */
  append(entry: OrderedEntry): Promise<void>;
  /**
   * The parts of `bytes`, which lie at `offset`, that differ from what the volume holds once everything appended so far is
   * applied; pages of 4 KiB, neighbours joined. The pieces refer to `bytes`.
   */
  differing(offset: number, bytes: Uint8Array, signal?: AbortSignal): Promise<Piece[]>;
  /** Everything of this volume up to this number of the shared order has been appended. Absent: nobody wants to know. */
  through?(number: number): void;
  /**
   * Compares by block tables, coarse to fine: the parts of `wanted` that are not known to hold what `near` says, once
   * everything appended so far is applied; whole blocks of the table. Undefined: the far side keeps no table.
   */
  survey?(wanted: Extents, near: NearSums, signal?: AbortSignal): Promise<Extents | undefined>;
}

/** What the near side knows of the volume that is mirrored. */
export interface NearSums extends BlockSums {
  /** Byte ranges of which `sum` says nothing at this moment; undefined: of all. Asked for before each run of sums. */
  busy(): Extents | undefined;
}

export function isOrdered(volume: Volume): volume is OrderedVolume {
  return 'append' in volume;
}

/** Where an entry stands in what one sender process sends: `epoch` names the process, `number` counts from 1. */
export interface EntryPlace {
  /** A UUID. */
  readonly epoch: string;
  readonly number: number;
}

/** What epochs of one process have in common, whichever volume they are of: its numbers of a shared order belong together. */
export function orderSpace({ epoch }: EntryPlace): string {
  return epoch.slice(-17);
}

/** Where the far end of a link keeps one volume: a plain medium, or a base with an ordered queue before it. */
export interface FarStore {
  /** Bytes per block, and bytes in all. */
  readonly blockSize: number;
  readonly bytes: number;
  /** A UUID: another one once the store was made anew, or has lost something that it had called durable. */
  readonly incarnation: string;
  /** The last entry that survives a power loss; undefined before the first one. */
  readonly durable: EntryPlace | undefined;
  /** Whether the newest moment is consistent (false in a new store). */
  readonly consistent: boolean;
  /**
   * How often entries that were not durable may have been taken back while the store was open. Absent where that never
   * happens without another incarnation.
   */
  readonly cuts?: number;
  /**
   * True: `append` may be called again before earlier calls have ended. Entries are applied in the order of the calls; where
   * one is rejected, so are those whose calls came behind it and before it was known.
   */
  readonly pipelined?: boolean;
  /**
   * Applies an entry behind the last one: `read` sees it once this resolves. Calls come one after the other, see `pipelined`;
   * the entry's bytes are borrowed until it resolves. Rejects with a `Fault` when the medium cannot take it: then nothing of
   * it counts.
   */
  append(place: EntryPlace, entry: OrderedEntry): Promise<void>;
  /** The volume's changes up to this number of the shared order are among the entries up to `place`. Absent: it is not kept. */
  through?(place: EntryPlace, number: number): void;
  /** Resolves once everything appended before the call is durable; `durable` says so then. */
  sync(): Promise<void>;
  /** Fills `into` with what the newest moment holds from `offset`. */
  read(offset: number, into: Uint8Array): Promise<void>;
  /**
   * A bit for each node, in order from the lowest of the first byte: 1 where the newest moment is known to have the same
   * checksum there. Called as `append` is, never beside it. Absent: no block table is kept.
   */
  compareNodes?(theirs: NodeSums): Promise<Uint8Array>;
  /** Makes the volume at least `bytes` long. */
  grow(bytes: number): Promise<void>;
  close(): Promise<void>;
}
