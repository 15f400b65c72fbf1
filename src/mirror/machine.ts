import type { DoubtRecord } from '../base/backlog.ts';
import type { Fault } from '../base/fault.ts';
import type { MirrorInput, MirrorState } from './requests.ts';
import type { MirrorName } from './words.ts';

/** What a volume's owner needs of a mirror, whichever way the mirror is kept. Its requests are its own pump's. */
export interface MirrorMachine {
  readonly name: MirrorName;
  readonly record: DoubtRecord;
  /** Nothing under way, nothing waiting. */
  readonly idle: boolean;
  /** Every entry was taken and written (or is in the record). */
  readonly caughtUp: boolean;
  /** What the record names is being read back. */
  readonly resolving: boolean;
  /** The last reading back met something that the first volume could not give. */
  readonly unreadable: boolean;
  /** Why it is broken or paused. */
  readonly fault: Fault | undefined;
  /** Bytes its medium holds. */
  readonly size: number;
  readonly state: MirrorState;
  /** Bytes read back, of those that were to be, in the resolving under way or the last one. */
  readonly progress: { done: number; total: number };
  /** Bytes copied from the first volume. */
  readonly resolvedBytes: number;
  /** Bytes written for changes. */
  readonly writtenBytes: number;
  /** When the oldest entry that was taken and is not done happened, where the mirror can say it (ns since 1970). */
  readonly waitingAt?: bigint | undefined;
  /** Calls back with every range of bytes that is on its way to the mirror or waits for it; they may overlap. */
  forEachWaiting(callback: (start: number, end: number) => void): void;
  step(input: MirrorInput): void;
}
