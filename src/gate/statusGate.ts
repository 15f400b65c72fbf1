import type { LuId } from '../base/change.ts';
import type { TeeOutlet } from '../base/tee.ts';
import { StatusLane } from './statusLane.ts';

/**
 * Decides when a host may be told the status of a command that may have changed the medium: at once (undefined), or when
 * the promise resolves. `ordinal` is the task's number.
 */
export type StatusPolicy = (lu: LuId, status: number, ordinal: number) => Promise<void> | undefined;

/** Every status at once. A tee without a gate does the same for nothing. */
export const atOnce: StatusPolicy = () => undefined;

/** The one place where statuses of writes pass on their way to the hosts (requirement A3). */
export class StatusGate {
  /** Statuses held now, and in all. */
  holding = 0;
  held = 0;
  readonly #policy: StatusPolicy;
  readonly #failed: (error: unknown) => void;

  /** `failed`: a promise of the policy was rejected; the status goes on, as the mirror's side never stops the host's. */
  constructor(policy: StatusPolicy, failed: (error: unknown) => void = () => {}) {
    this.#policy = policy;
    this.#failed = failed;
  }

  /** The way of one connection: it waits for nobody else's statuses. */
  lane(outlet: TeeOutlet): StatusLane {
    return new StatusLane(this, outlet);
  }

  /** For lanes: undefined, or a promise that resolves whatever happens. */
  ask(lu: LuId, status: number, ordinal: number): Promise<void> | undefined {
    const wait = this.#policy(lu, status, ordinal);
    if (wait === undefined) return undefined;
    this.holding++;
    this.held++;
    return wait.catch(this.#failed).then(() => {
      this.holding--;
    });
  }
}
