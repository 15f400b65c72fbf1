import type { LuId } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { GroupConfig } from '../config/configTypes.ts';

/** How often volumes on which nothing happens say that they have everything. */
const TELL_NS = 500e6;

/**
 * The order that the volumes of consistency groups share in this process (requirement C5): one count of what the bus gives,
 * in the order in which it gives it. A write that a host began when it had been told that another one is done has the higher
 * number, whichever volumes they are of.
 *
 * The count begins with the time in microseconds, so that a later process goes on above it (as long as no clock goes back and
 * no bus gives more than a change each microsecond; nothing depends on it but what people call a moment).
 */
export class GroupOrder {
  readonly start: number;
  readonly #groups: readonly GroupConfig[];
  readonly #members: ReadonlySet<LuId>;
  #number: number;
  #toldAt = 0;

  constructor(groups: readonly GroupConfig[], wallMs: number) {
    this.#groups = groups;
    this.#members = new Set(groups.flatMap(({ volumes }) => volumes));
    this.start = Math.floor(wallMs) * 1000 + 1;
    this.#number = this.start;
  }

  has(lu: LuId): boolean {
    return this.#members.has(lu);
  }

  /** LUs of the group; undefined: there is none of that name. */
  volumesOf(name: string): readonly LuId[] | undefined {
    return this.#groups.find((group) => group.name === name)?.volumes;
  }

  /** LUs of the group that this one is in. */
  groupOf(lu: LuId): readonly LuId[] | undefined {
    return this.#groups.find(({ volumes }) => volumes.includes(lu))?.volumes;
  }

  get names(): string[] {
    return this.#groups.map(({ name }) => name);
  }

  /** The number that was given last. */
  get last(): number {
    return this.#number;
  }

  /** The number of what is given next. */
  next(): number {
    return ++this.#number;
  }

  /** The number up to which everything was given, when it is time to say so (`now` in ns), and to which volumes. */
  due(now: number): { number: number; volumes: Iterable<LuId> } | undefined {
    if (this.#members.size === 0 || now - this.#toldAt < TELL_NS) return undefined;
    this.#toldAt = now;
    return { number: this.#number, volumes: this.#members };
  }
}

/** Nobody knows the group. */
export function noGroup(name: string, known: readonly string[]): Fault {
  const mend =
    known.length === 0
      ? 'write "groups": [{"name": NAME, "volumes": [...]}] in the configuration'
      : `name one of: ${known.join(', ')}`;
  return new Fault('peer', `there is no group ${JSON.stringify(name)} here`, mend);
}
