import type { Volume } from '../../base/volume.ts';
import type { MirrorInput } from '../../mirror/requests.ts';
import type { ArmPump } from './arm.ts';

/** What a pump needs of its mirror and its owner, whichever way the mirror is kept. */
export interface RequestPumpOptions<Request> {
  mirror: { take(): readonly Request[]; step(input: Extract<MirrorInput, { kind: 'size' }>): void };
  volume: Pick<Volume, 'blockSize' | 'onSizeChange'>;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  /** Called after every completed request, when the mirror has been told. */
  moved: () => void;
}

/** A copy's read failed, or was given up: the mirror itself is not to blame. */
export class SourceFailure extends Error {}

/** Takes a mirror's requests and has them run, all of them at once, as the mirror bounds their number. */
export abstract class RequestPump<Request> implements ArmPump {
  readonly #parts: RequestPumpOptions<Request>;
  readonly #buffers: Uint8Array[] = [];
  #abort = new AbortController();
  #running = false;
  /** Requests that ended, and the nanoseconds of the slowest. */
  requests = 0;
  slowestNs = 0;
  /** Bytes of copies that were read from the first volume, and those that the mirror did not hold already. */
  comparedBytes = 0;
  differingBytes = 0;

  constructor(parts: RequestPumpOptions<Request>) {
    this.#parts = parts;
    const { mirror, volume } = parts;
    volume.onSizeChange((blocks) => {
      mirror.step({ kind: 'size', bytes: blocks * volume.blockSize });
      this.run();
    });
  }

  /** Starts whatever the mirror wants done. */
  run(): void {
    // A volume may answer at once and so call back in here; the outer call goes on with what that left.
    if (this.#running) return;
    this.#running = true;
    try {
      const { mirror } = this.#parts;
      for (let wanted = mirror.take(); wanted.length > 0; wanted = mirror.take()) {
        for (const request of wanted) this.start(request);
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

  protected abstract start(request: Request): void;

  /** Of copies that begin now. */
  protected get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** A request that began at `started` has ended, and the mirror was told. */
  protected ended(started: number): void {
    const took = this.#parts.now() - started;
    this.requests++;
    this.slowestNs = Math.max(this.slowestNs, took);
    this.run();
    this.#parts.moved();
  }

  /** At least so long; the caller's until it is given back, or for good. */
  protected buffer(length: number): Uint8Array {
    const pooled = this.#buffers.pop();
    return pooled && pooled.length >= length ? pooled : new Uint8Array(length);
  }

  protected giveBack(buffer: Uint8Array): void {
    this.#buffers.push(buffer);
  }
}
