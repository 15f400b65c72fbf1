import type { LuId } from '../../base/change.ts';
import type { Extents } from '../../base/extents.ts';
import type { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { Room } from '../../buffer/room.ts';
import type { Upstream } from '../../mirror/orderedWriter.ts';
import type { KeptRecord } from '../../record/kept.ts';
import type { Outstanding } from '../../snoop/lu/outstanding.ts';
import type { ReadDesk } from '../compare/checkedReadsDesk.ts';
import type { LateVolume } from '../lu/lateVolume.ts';
import type { CopyOutSlot } from '../mirror/copyOutSlot.ts';
import type { Pace } from '../mirror/pace.ts';
import type { LinkCopyOut } from '../mirror/recall.ts';
import type { Caretaker } from './caretaker.ts';

/** What the volumes of one unit share. */
export interface LiveParts {
  room: Room;
  /** The unit's state folder. */
  folder: string;
  record: { chunkBytes: number; hotBytes: number };
  bytesPerSecond?: number;
  /** In place of that, where it may change. */
  pace?: Pace;
  /** False: what hosts wrote while the unit was away passed it by (a tap). */
  looking: boolean;
  /** A command that writes waits until its marks survive a power loss. */
  synced: boolean;
  /** Copies wait so long after the start: a command that was under way then has ended, or shows itself. */
  copyAfterMs: number;
  /** How long a write whose connection ended with the last process may still land (requirement B6). */
  settleMs: number;
  /** Monotonic time in nanoseconds, and the wall clock's in milliseconds. */
  now: () => number;
  wall: () => number;
  notice: (text: string) => void;
  /** A mirror's state, or the first volume's, has changed. */
  told: (lu: LuId, to: string, change: { from: string; to: string; why: string }) => void;
  /** Why a mirror takes nothing, where somebody paused it. */
  held?: (lu: LuId, to: string) => Fault | undefined;
  /** Where what hosts read is looked at; absent: nowhere. */
  reads?: ReadDesk;
  /** What writes on their way at the LU may still change. */
  outstanding: (lu: LuId) => Outstanding | undefined;
  /** Where the order begins that the LU shares with others (C5); undefined: it shares none. */
  order?: (lu: LuId) => number | undefined;
  /**
   * Copying out for link `to` over a local mirror; `losses` counts how often that mirror may have lost what it was given
   * since its last flush. Absent: what a link has no room for is read back from the first volume.
   */
  copyOut?: (to: string, local: Volume, losses: () => number) => Promise<LinkCopyOut>;
  /** The first volume is a mirror itself (D3): entries without data refer to its own blocks. */
  upstream?: Upstream & {
    /** Bytes that it holds and may yet give up: their marks stay. */
    loose: () => Extents;
  };
}

/** A medium of the configuration, opened or not yet. */
export interface Medium {
  to: string;
  volume: LateVolume;
}

/** A mirror of a running unit, with all that is opened for it. */
export interface Opened extends Medium {
  record: KeptRecord;
  copyOut?: CopyOutSlot;
}

/** A mirror's record and those who look after it. */
export interface Keeper {
  caretaker: Caretaker;
  record: KeptRecord;
  copyOut: CopyOutSlot | undefined;
}
