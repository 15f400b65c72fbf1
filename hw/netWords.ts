import { isIP } from 'node:net';

export type Words = readonly [what: string, mend: string];

/** Mends that depend on who does not answer. */
export interface AwayMends {
  /** Nobody listens there. */
  start: string;
  look: string;
}

/** What the system said of a connection where nobody is there, or not now; undefined for a code that is not known here. */
export function awayWords(code: string, { start, look }: AwayMends): Words | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return ['refuses the connection', start];
    case 'ECONNRESET':
      return ['broke the connection off', look];
    case 'EPIPE':
      return ['closed the connection', look];
    case 'ETIMEDOUT':
      return ['does not answer', look];
    default:
      return WORDS[code];
  }
}

const WORDS: Readonly<Record<string, Words>> = {
  EHOSTUNREACH: ['cannot be reached', 'look at the network and at the address'],
  ENETUNREACH: ['lies in a network that cannot be reached', 'look at the routes of this machine'],
  ENOTFOUND: ['is a name that nobody knows', 'correct the name, or write an IP address'],
  EAI_AGAIN: ['is a name that could not be looked up', 'look at the name service, or write an IP address'],
  EADDRNOTAVAIL: ['cannot be reached from any address of this machine', 'look at the addresses of this machine'],
  EMFILE: ['cannot be connected to: too many files are open', 'raise the limit (ulimit -n)'],
};

/** An error's code; undefined where it has none. A name with several addresses fails with one error for all of them. */
export function codeOf(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string') return code;
  return error instanceof AggregateError && error.errors.length > 0 ? codeOf(error.errors[0]) : undefined;
}

/** `IP:PORT`, `[IPv6]:PORT` or `NAME:PORT`. */
export function portalName(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
