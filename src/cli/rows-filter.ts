import type { CommandView, Nature } from '../base/command.ts';

/** Names to look for; `*` stands for anything. */
export interface NameFilter {
  host?: string;
  lu?: string;
  nature?: Nature;
}

/** Names noted for an operator whose filter met nothing. */
const SEEN_MAX = 8;

/** Which commands are wanted, and what was there when none was. */
export class CommandFilter {
  readonly #nature: Nature | undefined;
  readonly #host: ((name: string) => boolean) | undefined;
  readonly #lu: ((name: string) => boolean) | undefined;
  readonly #hosts = new Set<string>();
  readonly #lus = new Set<string>();
  seen = 0;
  wanted = 0;

  constructor({ host, lu, nature }: NameFilter) {
    this.#nature = nature;
    this.#host = host === undefined ? undefined : nameMatcher(host);
    this.#lu = lu === undefined ? undefined : nameMatcher(lu);
  }

  wants(view: CommandView): boolean {
    this.seen++;
    if (this.wanted === 0 && this.#hosts.size < SEEN_MAX) this.#hosts.add(view.host);
    if (this.wanted === 0 && this.#lus.size < SEEN_MAX) this.#lus.add(view.lu);
    if (this.#nature !== undefined && view.nature !== this.#nature) return false;
    if (this.#host !== undefined && !this.#host(view.host)) return false;
    if (this.#lu !== undefined && !this.#lu(view.lu)) return false;
    this.wanted++;
    return true;
  }

  /** One line for an operator when nothing was wanted. */
  emptyWords(): string | undefined {
    if (this.wanted > 0) return undefined;
    if (this.seen === 0) return 'no SCSI command was found';
    const names = (set: Set<string>): string => [...set].join(', ') + (set.size === SEEN_MAX ? ', ...' : '');
    const seen = this.seen === 1 ? 'command' : `${this.seen} commands`;
    return `none of the ${seen} matches; hosts seen: ${names(this.#hosts)}; LUs seen: ${names(this.#lus)}`;
  }
}

/** Remembers its answers for the names it met last, since names repeat for thousands of commands. */
export function nameMatcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
  const regex = new RegExp(`^${parts.join('.*')}$`, 's');
  let lastName: string | undefined;
  let lastAnswer = false;
  return (name) => {
    if (name !== lastName) {
      lastName = name;
      lastAnswer = regex.test(name);
    }
    return lastAnswer;
  };
}

/** A moment: nanoseconds since 1970, or since the capture's first frame. */
export type Moment = { unixNs: bigint } | { sinceStartNs: bigint };

const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?$/;

/** `12.5` (seconds since the start) or an ISO 8601 date and time (UTC unless it says otherwise); undefined if neither. */
export function parseMoment(text: string): Moment | undefined {
  const seconds = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) {
    return { sinceStartNs: BigInt(seconds[1]) * 1_000_000_000n + fraction(seconds[2]) };
  }
  const date = DATE.exec(text);
  if (date === null) return undefined;
  const whole = text.replace(/\.\d+/, '').replace(' ', 'T');
  const timed = whole.includes('T') ? whole : `${whole.slice(0, 10)}T00:00${whole.slice(10)}`;
  const ms = Date.parse(date[2] === undefined ? `${timed}Z` : timed);
  return Number.isNaN(ms) ? undefined : { unixNs: BigInt(ms) * 1_000_000n + fraction(date[1]) };
}

/** Decimals of a second as nanoseconds. */
function fraction(digits: string | undefined): bigint {
  return BigInt((digits ?? '').padEnd(9, '0'));
}

export function momentNs(moment: Moment, startNs: bigint): bigint {
  return 'unixNs' in moment ? moment.unixNs : startNs + moment.sinceStartNs;
}
