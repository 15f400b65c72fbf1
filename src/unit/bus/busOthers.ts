import type { LuId } from '../../base/change.ts';
import type { SessionView } from '../../snoop/snoop.ts';

/** LUs that are told apart. */
const LUS_MAX = 64;
const SESSIONS_MAX = 256;

/** A logical unit that is written and that no volume of the configuration is. */
export interface OtherLu {
  lu: LuId;
  writes: number;
}

/** What the bus shows beside the configured volumes: who is there, and what is written that nobody mirrors. */
export interface BusSeen {
  /** Absent on a bus without sessions. */
  sessions?: SessionView[];
  others: OtherLu[];
}

/** Counts writes to LUs that are not configured, in bounded memory. */
export class BusOthers {
  readonly #writes = new Map<LuId, number>();

  wrote(lu: LuId): void {
    const writes = this.#writes.get(lu);
    if (writes !== undefined || this.#writes.size < LUS_MAX) this.#writes.set(lu, (writes ?? 0) + 1);
  }

  seen(snoop: object): BusSeen {
    const others = [...this.#writes].map(([lu, writes]) => ({ lu, writes }));
    return hasSessions(snoop) ? { sessions: snoop.sessionViews(SESSIONS_MAX), others } : { others };
  }
}

function hasSessions(snoop: object): snoop is { sessionViews: (max: number) => SessionView[] } {
  return 'sessionViews' in snoop;
}
