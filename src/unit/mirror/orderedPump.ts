import { copyOf } from '../../base/bytes.ts';
import type { Piece } from '../../base/change.ts';
import { Fault, faultOf } from '../../base/fault.ts';
import type { NearSums, OrderedVolume } from '../../base/ordered.ts';
import { isFill, isOr } from '../../base/payload.ts';
import type { Recaller } from '../../base/recall.ts';
import type { Volume } from '../../base/volume.ts';
import type { OrderedMirror } from '../../mirror/ordered.ts';
import type { OrderedRequest } from '../../mirror/orderedRequests.ts';
import { RequestPump, SourceFailure } from './requestPump.ts';

export interface OrderedPumpOptions {
  mirror: OrderedMirror;
  volume: OrderedVolume;
  /** Where copies are read from. */
  first: Volume | undefined;
  /** What is known of the volume by a local mirror's block table at present; undefined: nothing. */
  near?: () => NearSums | undefined;
  /** Brings back data that the mirror had no room for. Absent: nobody can. */
  recaller?: Recaller;
  /** How long after a frame was on the bus, at most, what it tells has been pushed. */
  settleMs?: number;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  notice: (text: string) => void;
  /** Called after every completed request, when the mirror has been told. */
  moved: () => void;
}

type Errand = Extract<OrderedRequest, { kind: 'append' | 'flush' | 'grow' | 'settle' }>;
type Copy = Extract<OrderedRequest, { kind: 'copy' }>;
type Survey = Extract<OrderedRequest, { kind: 'survey' }>;
type Recall = Extract<OrderedRequest, { kind: 'recall' }>;

/** Ranges of one copy that are read at once. */
const RANGES_AT_ONCE = 8;

/**
 * Runs an ordered mirror's requests and tells it how they ended. Entries are given to the volume in the order of their
 * requests, before anything that was asked for later.
 */
export class OrderedPump extends RequestPump<OrderedRequest> {
  readonly #options: OrderedPumpOptions;

  constructor(options: OrderedPumpOptions) {
    super(options);
    this.#options = options;
  }

  protected start(request: OrderedRequest): void {
    switch (request.kind) {
      case 'notice':
        this.#options.notice(request.text);
        break;
      case 'through':
        this.#options.volume.through?.(request.order);
        break;
      case 'forget':
        this.#options.recaller?.drop(request.seq);
        break;
      case 'recall':
        void this.#recall(request);
        break;
      case 'copy':
        void this.#copy(request);
        break;
      case 'survey':
        void this.#survey(request);
        break;
      default:
        void this.#errand(request);
    }
  }

  async #errand(request: Errand): Promise<void> {
    const { mirror, now } = this.#options;
    const started = now();
    try {
      await this.#act(request);
      mirror.step({ kind: 'done', id: request.id });
    } catch (error) {
      mirror.step({ kind: 'failed', id: request.id, fault: faultOf(error), source: false });
    }
    this.ended(started);
  }

  #act(request: Errand): Promise<void> {
    const { volume, settleMs = 0 } = this.#options;
    switch (request.kind) {
      case 'append':
        return volume.append(request.entry);
      case 'flush':
        return volume.flush();
      case 'grow':
        return volume.grow(request.bytes);
      case 'settle':
        return new Promise((resolve) => setTimeout(resolve, settleMs));
    }
  }

  async #recall({ id, seq, pieces }: Recall): Promise<void> {
    const { mirror, recaller, now } = this.#options;
    const started = now();
    const found = (await recaller?.recall(seq, pieces)) ?? [];
    mirror.step({ kind: 'recalled', id, pieces: found });
    this.ended(started);
  }

  async #copy({ id, offset, length, ranges }: Copy): Promise<void> {
    const { mirror, now } = this.#options;
    const started = now();
    try {
      const pieces = ranges ? await this.#differingIn(ranges) : await this.#differing(offset, length);
      mirror.step({ kind: 'copied', id, pieces });
    } catch (error) {
      const source = error instanceof SourceFailure;
      mirror.step({ kind: 'failed', id, fault: faultOf(source ? error.cause : error), source });
    }
    this.ended(started);
  }

  async #survey({ id, wanted }: Survey): Promise<void> {
    const { mirror, volume, near, now } = this.#options;
    const started = now();
    try {
      const sums = near?.();
      const rest = sums && (await volume.survey?.(wanted, sums, this.signal));
      mirror.step({ kind: 'surveyed', id, rest: rest ?? wanted });
    } catch (error) {
      mirror.step({ kind: 'failed', id, fault: faultOf(error), source: false });
    }
    this.ended(started);
  }

  async #differingIn(ranges: readonly (readonly [number, number])[]): Promise<Piece[]> {
    const found: Piece[][] = [];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let i = next++; i < ranges.length; i = next++) {
        const [start, end] = ranges[i];
        found[i] = await this.#differing(start, end - start);
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: RANGES_AT_ONCE }, work));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    return found.flat();
  }

  /** The pieces' bytes are nobody else's. */
  async #differing(offset: number, length: number): Promise<Piece[]> {
    const { first, volume } = this.#options;
    if (!first) throw new Fault('bug', 'a copy was asked for without a first volume');
    const { signal } = this;
    const buffer = this.buffer(length);
    const bytes = buffer.subarray(0, length);
    await first.read(offset, bytes, signal).catch((cause: unknown) => {
      throw new SourceFailure('', { cause });
    });
    const pieces = await volume.differing(offset, bytes, signal).catch((cause: unknown) => {
      throw signal.aborted ? new SourceFailure('', { cause }) : cause;
    });
    this.comparedBytes += length;
    let differing = 0;
    for (const piece of pieces) differing += piece.length;
    this.differingBytes += differing;
    // They are kept until they are durable: a little of a long read must not keep all of it.
    if (differing > length / 2) return pieces;
    const own = pieces.map(copied);
    this.giveBack(buffer);
    return own;
  }
}

function copied({ offset, length, payload }: Piece): Piece {
  if (typeof payload === 'string' || isFill(payload) || isOr(payload)) return { offset, length, payload };
  return { offset, length, payload: payload.map((part) => copyOf(part)) };
}
