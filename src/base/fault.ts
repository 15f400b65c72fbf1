/** Whose fault a failure is: theirs (nonsense on the wire), ours to mend (disk, configuration), or a bug. */
export type Blame = 'peer' | 'local' | 'bug';

/** An error an operator can act on: `message` says what is wrong, `mend` what to do about it. */
export class Fault extends Error {
  readonly blame: Blame;
  readonly mend: string | undefined;
  /** Nobody answered: the same may succeed later without anybody mending anything. */
  readonly unreachable: boolean;

  constructor(blame: Blame, message: string, mend?: string, options?: { cause?: unknown; unreachable?: boolean }) {
    super(message, options);
    this.name = 'Fault';
    this.blame = blame;
    this.mend = mend;
    this.unreachable = options?.unreachable === true;
  }
}

/** What was thrown, as a `Fault`: what is none was foreseen by nobody, and is a bug of ours. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Fault('bug', message, undefined, { cause: error });
}

/** What a parser returns in place of a value: where the bytes stopped making sense, and why. */
export interface ParseFault {
  readonly fault: true;
  /** Byte offset within the bytes that were parsed. */
  readonly offset: number;
  readonly reason: string;
}

export function parseFault(offset: number, reason: string): ParseFault {
  return { fault: true, offset, reason };
}

export function isParseFault(value: unknown): value is ParseFault {
  return typeof value === 'object' && value !== null && (value as ParseFault).fault === true;
}
