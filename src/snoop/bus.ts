import type { LeaseRoom } from '../base/change.ts';
import type { ReadWatch } from '../base/reads.ts';
import type { SnoopSink } from '../base/sink.ts';
import type { LuDirectory } from './lu/directory.ts';

/** What every part of one snoop shares: where findings go, and the capture's clock. */
export interface Bus {
  readonly sink: SnoopSink;
  /** Where write data lands; without one only LBNs are kept (decode, stat). */
  readonly room: LeaseRoom | undefined;
  /** Who looks at what hosts read; undefined: nobody. */
  readonly reads?: ReadWatch;
  readonly directory: LuDirectory;
  /** Nanoseconds since `origin`, the latest seen. */
  now: number;
  /** Nanoseconds since 1970 of the capture's first second. */
  origin: bigint;
  /** Sequence number of the last change or barrier. */
  seq: number;
  /** How long bytes may be late (the reordering window), and how long a task without a connection may still land. */
  readonly reorderNs: number;
  readonly settleNs: number;
  /** Initiator names of the unit itself: its sessions are left out (requirement B6b). */
  readonly own: ReadonlySet<string>;
  /** The source is a bus that went on before anybody looked: when looking began, -1 before it. Undefined for a capture. */
  began: number | undefined;
  /** Says something once per cause. */
  notice(key: string, text: string): void;
}

/** Absolute time of a moment of the bus's clock. */
export function absolute(bus: Bus, time: number): bigint {
  return bus.origin + BigInt(Math.trunc(time));
}
