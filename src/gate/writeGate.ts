import type { LuId } from '../base/change.ts';
import type { TeeOutlet } from '../base/tee.ts';
import { Lane } from './lane.ts';
import type { StatusPolicy } from './statusGate.ts';

/**
 * The one place where commands that write pass on their way to the target: what needs a mark that does not survive a power
 * loss yet waits for it, with everything behind it on its connection, in order. Commands within durable marks go on at once.
 *
 * Decoding goes on meanwhile, so the marks of all that has come are made durable together.
 */
export class WriteGate {
  /** Waits for marks now, and in all; commands that came together share one. */
  holding = 0;
  held = 0;
  #deciding: WriteLane | undefined;
  /** Marks for what had gone on before anybody could know where it writes. */
  readonly #late = new Map<LuId, Promise<void>>();

  /** The way of one connection. `at`: offset in the bytes at hand of the PDU that is being decoded. */
  lane(outlet: TeeOutlet, at: () => number): WriteLane {
    return new WriteLane(this, outlet, at);
  }

  /** A command is about to write in `lu`; `wait`, which never rejects, resolves when its marks are durable. */
  intent(lu: LuId, wait: Promise<void>): void {
    if (this.#deciding?.await(wait) === true) return;
    this.#late.set(lu, wait);
    void wait.then(() => {
      if (this.#late.get(lu) === wait) this.#late.delete(lu);
    });
  }

  /** A status waits for marks that were made too late for their command. */
  readonly policy: StatusPolicy = (lu) => this.#late.get(lu);

  /** For lanes: intents concern this one until `undefined` is given. */
  deciding(lane: WriteLane | undefined): void {
    this.#deciding = lane;
  }

  /** For lanes: a wait begins or ends. */
  count(by: 1 | -1): void {
    this.holding += by;
    if (by > 0) this.held++;
  }
}

/** The host's direction of one connection. */
export class WriteLane extends Lane {
  readonly #gate: WriteGate;
  readonly #at: () => number;
  #wait: Promise<void> | undefined;

  constructor(gate: WriteGate, outlet: TeeOutlet, at: () => number) {
    super(outlet);
    this.#gate = gate;
    this.#at = at;
  }

  /** From here to `decoded` bytes are decoded that have not been given to `pass` or `skip` yet: what writes is held back here. */
  decoding(): void {
    this.#gate.deciding(this);
  }

  decoded(): void {
    this.#gate.deciding(undefined);
  }

  /** False: nothing is held here any more. */
  await(wait: Promise<void>): boolean {
    if (this.open) return false;
    // Behind the first command that waits for it everything does.
    if (wait === this.#wait) return true;
    this.#wait = wait;
    this.#gate.count(1);
    this.hold(this.position + this.#at(), wait);
    void wait.then(() => {
      if (this.#wait === wait) this.#wait = undefined;
      this.#gate.count(-1);
    });
    return true;
  }
}
