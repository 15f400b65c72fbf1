import type { Far, Session } from './journeyFar.ts';
import type { Near } from './journeyNear.ts';

export interface WireParts {
  near: () => Near;
  far: () => Far;
  now: () => number;
  below: (n: number) => number;
  /** Whether anything may go wrong at present. */
  faults: () => boolean;
}

/** The connections of two units: one that both have, and those that the sender has left and whose bytes still arrive. */
export class Wire {
  /** Connections that were lost for the sender alone. */
  replaced = 0;
  #session: Session | undefined;
  #left: Session[] = [];
  readonly #parts: WireParts;

  constructor(parts: WireParts) {
    this.#parts = parts;
  }

  /** That both units have. */
  get session(): Session | undefined {
    return this.#session;
  }

  connect(): void {
    const { near, far, now, below, faults } = this.#parts;
    const { link } = near();
    if (!link.wanted) return;
    if (this.#session) {
      if (!faults() || below(12) > 0) return;
      // The network has lost it for the sender alone: what it had sent may still arrive.
      this.replaced++;
      this.#left.push(this.#session);
      this.#session = undefined;
      link.broken();
      if (!link.wanted) return;
    }
    const session: Session = far().accept(({ type, body }) => {
      if (this.#session === session && !near().dead) link.sender.frame(type, body, now());
    });
    this.#session = session;
    link.sender.opened(now());
  }

  /** The connection ends at both units; some of what was sent may have arrived. */
  break(): void {
    const session = this.#session;
    if (!session) return;
    const { near, far, below } = this.#parts;
    this.#session = undefined;
    if (below(2) === 0) session.up.deliver(below(session.up.waiting + 1));
    far().run(session);
    far().closed(session);
    near().link.broken();
  }

  /** Some of what is on its way arrives. */
  deliver(): void {
    const { near, far, now, below, faults } = this.#parts;
    const count = below(3) === 0 ? 1 + below(40) : 1 + below(4000);
    const old = below(4) === 0 ? this.#left[below(this.#left.length || 1)] : undefined;
    if (old) {
      old.up.deliver(count);
      if (below(6) > 0) return;
      this.#left = this.#left.filter((one) => one !== old);
      far().closed(old);
      return;
    }
    const session = this.#session;
    if (!session) return;
    if (faults() && below(2) === 0) session.down.deliver(count);
    else {
      near().link.sender.written(session.up.deliver(count), now());
      if (!faults()) session.down.deliver(1e9);
    }
  }

  /** Connections that the sender has left are over for the far unit, too. */
  forget(): void {
    for (const session of this.#left.splice(0)) this.#parts.far().closed(session);
  }
}
