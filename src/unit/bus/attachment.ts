import type { Fault } from '../../base/fault.ts';
import type { SourceStatus } from '../watch/status.ts';

/** How a running unit sits on the bus: a tap, a tee or a probe. */
export interface Attachment {
  /** For people: `tap eth1, eth2` or `tee 10.0.0.1:3262 -> 10.0.0.2:3260`. */
  readonly text: string;
  /** Resolves when it cannot go on by itself; never otherwise. */
  readonly failed: Promise<Fault>;
  /** What is wrong with it at present, in the words of the notice that told it. */
  readonly fault?: string | undefined;
  status(): SourceStatus;
  /** Time has passed. */
  tick(): void;
  /** Resolves once everything that had passed on the bus before the call has gone through the snoop. Rejects when that takes long. */
  seen(): Promise<void>;
  /** Lets go of the bus: what had been taken from it by then has gone through the snoop when it resolves. */
  stop(withinMs: number): Promise<void>;
}
