import type { LuId } from './change.ts';
import type { Extents } from './extents.ts';

/** Who wants to look at what hosts read (requirement D5). Calls are synchronous; offsets and lengths are bytes of the LU. */
export interface ReadWatch {
  /**
   * A host reads `length` bytes from `offset` on: where the first of them are to be kept, all of them or fewer. Undefined:
   * they are not looked at. Answered by `read` or `give`.
   */
  take(lu: LuId, offset: number, length: number): Uint8Array | undefined;
  /**
   * The read has ended in GOOD, and `bytes` lay at `offset` while it went on. Of what lies in `unsure` that is not said:
   * its bytes were not seen whole, or a write of the same blocks ended meanwhile. What is still being written is left to
   * the watcher. `bytes` belongs to the watcher again.
   */
  read(lu: LuId, offset: number, bytes: Uint8Array, unsure: Extents): void;
  /** Nothing came of it: the buffer is the watcher's again. */
  give(lu: LuId, bytes: Uint8Array): void;
}
