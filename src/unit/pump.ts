import { Fault } from '../base/fault.ts';
import { orInto } from '../base/payload.ts';
import type { Volume } from '../base/volume.ts';
import type { Mirror } from '../mirror/mirror.ts';
import type { MirrorRequest } from '../mirror/requests.ts';

export interface PumpOptions {
  mirror: Mirror;
  volume: Volume;
  /** Where copies are read from. */
  first: Volume | undefined;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  notice: (text: string) => void;
  /** Called after every completed request, when the mirror has been told. */
  moved: () => void;
}

type Answered = Exclude<MirrorRequest, { kind: 'notice' }>;
type OrRequest = Extract<MirrorRequest, { kind: 'or' }>;

/** Bytes of an OR that are read, changed and written at a time. */
const OR_BYTES = 256 * 1024;

/** A copy's read failed: the mirror itself is not to blame. */
class SourceFailure extends Error {}

/**
 * Runs one mirror's requests against its volume and tells the mirror how they ended. The only place where a mirror's
 * bytes move; every request is under way at once, as the mirror bounds their number.
 */
export class Pump {
  readonly #options: PumpOptions;
  readonly #buffers: Uint8Array[] = [];
  #abort = new AbortController();
  #running = false;
  /** Requests that ended, and the nanoseconds of the slowest. */
  requests = 0;
  slowestNs = 0;

  constructor(options: PumpOptions) {
    this.#options = options;
    options.volume.onSizeChange((blocks) => {
      options.mirror.step({ kind: 'size', bytes: blocks * options.volume.blockSize });
      this.run();
    });
  }

  /** Starts whatever the mirror wants done. */
  run(): void {
    // A volume may answer at once and so call back in here; the outer call goes on with what that left.
    if (this.#running) return;
    this.#running = true;
    const { mirror, notice } = this.#options;
    try {
      for (let wanted = mirror.take(); wanted.length > 0; wanted = mirror.take()) {
        for (const request of wanted) {
          if (request.kind === 'notice') notice(request.text);
          else this.#start(request);
        }
      }
    } finally {
      this.#running = false;
    }
  }

  /** Copies under way end as failed reads; those that come later run again. */
  stopCopies(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  #start(request: Answered): void {
    const { mirror, now, moved } = this.#options;
    const started = now();
    const ended = (): void => {
      const took = now() - started;
      this.requests++;
      this.slowestNs = Math.max(this.slowestNs, took);
      this.run();
      moved();
    };
    this.#perform(request).then(
      () => {
        mirror.step({ kind: 'done', id: request.id });
        ended();
      },
      (error: unknown) => {
        const source = error instanceof SourceFailure;
        mirror.step({ kind: 'failed', id: request.id, fault: faultOf(source ? error.cause : error), source });
        ended();
      },
    );
  }

  #perform(request: Answered): Promise<void> {
    const { volume } = this.#options;
    switch (request.kind) {
      case 'writev':
        return volume.writev(request.pieces, { fua: request.fua });
      case 'zero':
        return volume.zero(request.offset, request.length);
      case 'or':
        return this.#or(request);
      case 'flush':
        return volume.flush();
      case 'grow':
        return volume.grow(request.bytes);
      case 'copy':
        return this.#copy(request.offset, request.length);
    }
  }

  async #copy(offset: number, length: number): Promise<void> {
    const { first, volume } = this.#options;
    if (!first) throw new Fault('bug', 'a copy was asked for without a first volume');
    const buffer = this.#buffer(length);
    const bytes = buffer.subarray(0, length);
    try {
      try {
        await first.read(offset, bytes, this.#abort.signal);
      } catch (cause) {
        throw new SourceFailure('', { cause });
      }
      await volume.writev([{ offset, length, payload: [bytes] }], { fua: false });
    } finally {
      this.#buffers.push(buffer);
    }
  }

  /** Not in the change's own bytes: other mirrors OR them too. */
  async #or({ offset, length, parts, fua }: OrRequest): Promise<void> {
    const { volume } = this.#options;
    const buffer = this.#buffer(Math.min(length, OR_BYTES));
    try {
      for (let done = 0; done < length; ) {
        const bytes = buffer.subarray(0, Math.min(length - done, OR_BYTES));
        const at = offset + done;
        await volume.read(at, bytes);
        orInto(bytes, parts, done);
        await volume.writev([{ offset: at, length: bytes.length, payload: [bytes] }], { fua });
        done += bytes.length;
      }
    } finally {
      this.#buffers.push(buffer);
    }
  }

  #buffer(length: number): Uint8Array {
    const pooled = this.#buffers.pop();
    return pooled && pooled.length >= length ? pooled : new Uint8Array(length);
  }
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Fault('bug', message, undefined, { cause: error });
}
