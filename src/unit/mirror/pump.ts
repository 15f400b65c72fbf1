import type { Piece } from '../../base/change.ts';
import { Fault, faultOf } from '../../base/fault.ts';
import { orInto } from '../../base/payload.ts';
import type { WriteGuard } from '../../base/recall.ts';
import type { Volume } from '../../base/volume.ts';
import type { Mirror } from '../../mirror/mirror.ts';
import type { MirrorRequest } from '../../mirror/requests.ts';
import { RequestPump, SourceFailure } from './requestPump.ts';

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
  /** Copies read the mirror too and write only what differs, as long as what it reads can be believed. */
  compare?: boolean;
  /** Those who refer to this mirror's blocks: every write waits until they have saved what it would destroy. */
  guards?: readonly WriteGuard[];
}

type Answered = Exclude<MirrorRequest, { kind: 'notice' | 'landed' }>;
type OrRequest = Extract<MirrorRequest, { kind: 'or' }>;

/** Bytes of an OR that are read, changed and written at a time. */
const OR_BYTES = 256 * 1024;

/** What of a copy is written where it differs: as long as a page, so that a few bytes do not cost a long write. */
const COMPARE_BYTES = 4096;

/**
 * Runs one mirror's requests against its volume and tells the mirror how they ended. The only place where a mirror's
 * bytes move; every request is under way at once, as the mirror bounds their number.
 */
export class Pump extends RequestPump<MirrorRequest> {
  readonly #options: PumpOptions;
  readonly #guards: readonly WriteGuard[];

  constructor(options: PumpOptions) {
    super(options);
    this.#options = options;
    this.#guards = options.guards ?? [];
  }

  protected start(request: MirrorRequest): void {
    if (request.kind === 'notice') this.#options.notice(request.text);
    else if (request.kind === 'landed') this.#landed(request.seq, request.written);
    else this.#answer(request);
  }

  #answer(request: Answered): void {
    const { mirror, now } = this.#options;
    const started = now();
    this.#perform(request).then(
      () => {
        mirror.step({ kind: 'done', id: request.id });
        this.ended(started);
      },
      (error: unknown) => {
        const source = error instanceof SourceFailure;
        mirror.step({ kind: 'failed', id: request.id, fault: faultOf(source ? error.cause : error), source });
        this.ended(started);
      },
    );
  }

  #landed(seq: number, written: boolean): void {
    for (const guard of this.#guards) guard.done(seq, written);
  }

  #perform(request: Answered): Promise<void> {
    const saved = this.#saved(request);
    return saved ? saved.then(() => this.#act(request)) : this.#act(request);
  }

  /** Resolves once nobody needs any more what the request is going to destroy; undefined where nobody does now. */
  #saved(request: Answered): Promise<unknown> | undefined {
    if (this.#guards.length === 0) return undefined;
    if (request.kind === 'zero' || request.kind === 'or') {
      return this.#before(request.offset, request.length, request.seq);
    }
    if (request.kind !== 'writev') return undefined;
    let waits: Promise<unknown> | undefined;
    for (const [i, { offset, length }] of request.pieces.entries()) {
      waits = both(waits, this.#before(offset, length, request.seqs[i]));
    }
    return waits;
  }

  #before(offset: number, length: number, seq: number): Promise<unknown> | undefined {
    let waits: Promise<unknown> | undefined;
    for (const guard of this.#guards) waits = both(waits, guard.before(offset, length, seq));
    return waits;
  }

  #act(request: Answered): Promise<void> {
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
    const buffer = this.buffer(length);
    const other = this.#options.compare && !volume.unsure ? this.buffer(length) : undefined;
    const bytes = buffer.subarray(0, length);
    try {
      const held = other?.subarray(0, length);
      const reads = [
        first.read(offset, bytes, this.signal).catch((cause: unknown) => {
          throw new SourceFailure('', { cause });
        }),
        held && volume.read(offset, held),
      ];
      // Both have ended before a buffer is used again.
      for (const { status, reason } of (await Promise.allSettled(reads)) as PromiseRejectedResult[])
        if (status === 'rejected') throw reason;
      const pieces = held ? differing(offset, bytes, held) : [{ offset, length, payload: [bytes] }];
      this.comparedBytes += length;
      for (const piece of pieces) this.differingBytes += piece.length;
      for (const piece of pieces) await this.#before(piece.offset, piece.length, Number.POSITIVE_INFINITY);
      if (pieces.length > 0) await volume.writev(pieces, { fua: false });
    } finally {
      this.giveBack(buffer);
      if (other) this.giveBack(other);
    }
  }

  /** Not in the change's own bytes: other mirrors OR them too. */
  async #or({ offset, length, parts, fua }: OrRequest): Promise<void> {
    const { volume } = this.#options;
    const buffer = this.buffer(Math.min(length, OR_BYTES));
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
      this.giveBack(buffer);
    }
  }
}

function both(a: Promise<unknown> | undefined, b: Promise<unknown> | undefined): Promise<unknown> | undefined {
  return a && b ? Promise.all([a, b]) : (a ?? b);
}

/** Runs of `bytes`, which lie at `offset`, that are not what the mirror holds. */
function differing(offset: number, bytes: Uint8Array, held: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  if (Buffer.compare(bytes, held) === 0) return pieces;
  let from = -1;
  for (let at = 0; at < bytes.length; at += COMPARE_BYTES) {
    const end = Math.min(at + COMPARE_BYTES, bytes.length);
    const same = Buffer.compare(bytes.subarray(at, end), held.subarray(at, end)) === 0;
    if (!same && from < 0) from = at;
    if (from >= 0 && (same || end === bytes.length)) {
      const to = same ? at : end;
      pieces.push({ offset: offset + from, length: to - from, payload: [bytes.subarray(from, to)] });
      from = -1;
    }
  }
  return pieces;
}
