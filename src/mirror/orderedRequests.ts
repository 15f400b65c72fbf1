import type { Barrier, Piece } from '../base/change.ts';
import type { Extents } from '../base/extents.ts';
import type { OrderedEntry } from '../base/ordered.ts';
import type { MirrorInput } from './requests.ts';

/**
 * What an ordered mirror wants done. `append`, `flush`, `grow` and `settle` are answered by `done` or `failed` with their
 * `id`, `recall` by `recalled`, `copy` by `copied` or `failed`.
 */
export type OrderedRequest =
  /** To be given to the volume in the order of these requests; its bytes stay as they are until it is answered. */
  | { kind: 'append'; id: number; entry: OrderedEntry }
  /** Everything up to this number of the shared order has been given to the volume: nothing answers it. */
  | { kind: 'through'; order: number }
  /** The data of pieces of change `seq`, which this mirror had no room for, from the blocks of the local mirror. */
  | { kind: 'recall'; id: number; seq: number; pieces: readonly Piece[] }
  /** Change `seq` is not going to be recalled. */
  | { kind: 'forget'; seq: number }
  /** Bytes to be read from the first volume and then compared with what the mirror holds; of `ranges` (start, end) only these. */
  | { kind: 'copy'; id: number; offset: number; length: number; ranges?: readonly (readonly [number, number])[] }
  /** To be compared by block tables, before any of it is copied; answered by `surveyed` or `failed`. */
  | { kind: 'survey'; id: number; wanted: Extents }
  /** Answered once everything that was on the bus by now has been pushed. */
  | { kind: 'settle'; id: number }
  | { kind: 'flush'; id: number }
  /** The mirror must become at least this long. */
  | { kind: 'grow'; id: number; bytes: number }
  /** Something an operator should read. */
  | { kind: 'notice'; text: string };

export type OrderedInput =
  | MirrorInput
  /** The backlog gave this bookmark up, in order with the changes that are `missed`. */
  | { kind: 'missedMark'; barrier: Barrier }
  /** As much of the pieces that were asked for as could be had, sorted, without overlap. Their bytes are the mirror's own. */
  | { kind: 'recalled'; id: number; pieces: readonly Piece[] }
  /**
   * The first volume was read, and what the mirror holds compared with it: `pieces` differ, sorted. Their bytes are the
   * mirror's own. (`failed` with `source`: it could not be read.)
   */
  | { kind: 'copied'; id: number; pieces: readonly Piece[] }
  /** All of the wanted but `rest` is known to hold what reading it from the first volume now would give. */
  | { kind: 'surveyed'; id: number; rest: Extents };
