import { Fault } from '../src/base/fault.ts';

/**
 * What passes over a unit's control socket: JSON texts, a line each, UTF-8. A request is
 * `{"v":1,"do":"status"}`, its answer `{"v":1,"ok":true,"result":...}` or `{"v":1,"ok":false,"error":{"message","mend"}}`.
 * Before the answer to a job any number of `{"v":1,"progress":{"done","total"}}` may come.
 * Requests of one connection are answered in their order; a job ends when its peer has gone.
 */
export const CONTROL_VERSION = 1;

/** The longest request, in bytes without its end. */
export const REQUEST_BYTES_MAX = 65_536;
/** The longest answer that is believed. */
export const ANSWER_BYTES_MAX = 16 << 20;
/** `sun_path` is 108 bytes with its NUL. */
export const SOCKET_PATH_MAX = 107;

export interface ControlRequest {
  /** What is asked for: `status`, `mark`, `history`, `rewind`, `promote`, `demote` or `open`. */
  readonly do: string;
  readonly [key: string]: unknown;
}

/** How far a job is; a `total` of 0 is unknown. */
export interface ControlProgress {
  done: number;
  total: number;
  /** What a job has come to that goes on until its peer leaves. */
  told?: unknown;
}

export interface ControlError {
  message: string;
  mend?: string;
}

/** Nobody answers at the control socket, or not in time. */
export class NoAnswer extends Fault {
  constructor(message: string, mend: string, options?: { cause?: unknown }) {
    super('local', message, mend, options);
    this.name = 'NoAnswer';
  }
}

/** Throws a `Fault` for a path that no Unix socket can have (the kernel would cut it). */
export function refuseLongPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= SOCKET_PATH_MAX) return;
  const what = `the control socket's path ${path} is ${bytes} bytes long, more than the ${SOCKET_PATH_MAX} that a socket can have`;
  throw new Fault('local', what, 'choose a shorter one: "control": "/run/tapmirror.sock"');
}

/** Cuts bytes into lines that are at most `max` bytes long. What is handed out is the caller's own. */
export class Lines {
  readonly #max: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes of the line that has not ended. */
  get pending(): number {
    return this.#length;
  }

  /** The lines that end in `bytes`, without their ends, or undefined when one is too long. `bytes` is kept. */
  push(bytes: Uint8Array): Uint8Array[] | undefined {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      if (!this.#add(bytes.subarray(from, end))) return undefined;
      lines.push(Buffer.concat(this.#parts));
      this.#parts = [];
      this.#length = 0;
      from = end + 1;
    }
    return this.#add(bytes.subarray(from)) ? lines : undefined;
  }

  #add(part: Uint8Array): boolean {
    this.#length += part.length;
    if (part.length > 0) this.#parts.push(part);
    return this.#length <= this.#max;
  }
}

/** A line as the object it is, or undefined when it is not a JSON object in UTF-8. */
export function objectOf(line: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
    const object = typeof value === 'object' && value !== null && !Array.isArray(value);
    return object ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
