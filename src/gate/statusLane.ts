import type { LuId } from '../base/change.ts';
import type { TeeOutlet } from '../base/tee.ts';
import { Lane } from './lane.ts';
import type { StatusGate } from './statusGate.ts';

/**
 * The target's direction of one connection: a held status and everything behind it waits, then goes on in order, so StatSN
 * order is the target's (RFC 7143 section 4.2.2.2).
 */
export class StatusLane extends Lane {
  readonly #gate: StatusGate;

  constructor(gate: StatusGate, outlet: TeeOutlet) {
    super(outlet);
    this.#gate = gate;
  }

  /** A status was decoded whose PDU begins at position `at`; its bytes have not been given to `pass` or `skip` yet. */
  status(lu: LuId, status: number, ordinal: number, at: number): void {
    if (this.open) return;
    const wait = this.#gate.ask(lu, status, ordinal);
    if (wait !== undefined) this.hold(at, wait);
  }
}
