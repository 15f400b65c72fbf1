import assert from 'node:assert/strict';
import type { Change, Lease, Piece } from '../../../src/base/change.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import { Ring } from '../../../src/buffer/ring.ts';
import { OrderedMirror, type OrderedMirrorOptions } from '../../../src/mirror/ordered.ts';
import type { UnderWay } from '../../../src/mirror/orderedHorizon.ts';
import type { OrderedInput, OrderedRequest } from '../../../src/mirror/orderedRequests.ts';
import { Unresolved } from '../../../src/record/unresolved.ts';
import { SIZE } from './mirrorBench.ts';

export const LU = 'iqn.test/0';

export type Append = Extract<OrderedRequest, { kind: 'append' }>;

export class Bench {
  readonly given: Lease[] = [];
  readonly ring = new Ring({ give: (lease) => void this.given.push(lease), eased: () => {} }, 64);
  readonly record = new Unresolved();
  readonly mirror: OrderedMirror;
  /** Every request so far, and those not answered yet that are appends. */
  readonly requests: OrderedRequest[] = [];
  readonly appends: Append[] = [];
  underWay: UnderWay = { tasks: 0, bytes: undefined };
  clock = 0n;
  #seq = 0;

  constructor(options: Partial<OrderedMirrorOptions> & { bytes?: number; before?: (record: Unresolved) => void } = {}) {
    const { bytes = 1 << 20, before, ...rest } = options;
    before?.(this.record);
    const backlog = this.ring.join((change) => this.mirror.step({ kind: 'missed', change }), {
      bytes,
      missedMark: (barrier) => this.mirror.step({ kind: 'missedMark', barrier }),
    });
    this.mirror = new OrderedMirror({
      name: { to: 'journey://far:1/v', medium: 'lu' },
      backlog,
      record: this.record,
      size: SIZE,
      underWay: () => this.underWay,
      clock: () => this.clock,
      ...rest,
    });
    this.step({ kind: 'facts', blockSize: 512, capacity: SIZE });
  }

  push(...pieces: Piece[]): void {
    const seq = ++this.#seq;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const lease = { parts: [], bytes: length };
    this.ring.push({ seq, at: BigInt(seq), lu: LU, pieces, fua: false, lease } satisfies Change);
    this.step({ kind: 'more' });
  }

  /** As `push`, with what a first volume that is a mirror says of itself. */
  say(consistent: boolean | undefined, ...pieces: Piece[]): void {
    const seq = ++this.#seq;
    const said = consistent === undefined ? {} : { consistent };
    this.ring.push({ seq, at: BigInt(seq), lu: LU, pieces, fua: false, ...said } satisfies Change);
    this.step({ kind: 'more' });
  }

  mark(name: string, consistent?: boolean): void {
    const said = consistent === undefined ? {} : { consistent };
    this.ring.pushBarrier({ seq: this.#seq, at: BigInt(this.#seq), lu: LU, name, ...said });
    this.step({ kind: 'more' });
  }

  step(input: OrderedInput): void {
    this.mirror.step(input);
    for (const request of this.mirror.take()) {
      this.requests.push(request);
      if (request.kind === 'append') this.appends.push(request);
    }
  }

  /** The oldest entries become durable. */
  durable(count = Number.POSITIVE_INFINITY): void {
    for (let n = 0; n < count; n++) {
      const next = this.appends.shift();
      if (!next) return;
      this.step({ kind: 'done', id: next.id });
    }
  }

  /** Kinds of the entries that were appended since the last call, with `!` where they say consistent. */
  told(): string[] {
    const told = this.entries.slice(this.#told).map((entry) => `${nameOf(entry)}${entry.consistent ? '!' : ''}`);
    this.#told = this.entries.length;
    return told;
  }

  #told = 0;

  get entries(): OrderedEntry[] {
    return this.requests.flatMap((request) => (request.kind === 'append' ? [request.entry] : []));
  }

  last<K extends OrderedRequest['kind']>(kind: K): Extract<OrderedRequest, { kind: K }> {
    const found = this.requests.findLast((request) => request.kind === kind);
    assert.ok(found, `no ${kind} was asked for`);
    return found as Extract<OrderedRequest, { kind: K }>;
  }

  /** What the first volume was asked for is read, and differs all of it. */
  copied(): void {
    const { id, offset, length } = this.last('copy');
    this.step({ kind: 'copied', id, pieces: [{ offset, length, payload: [new Uint8Array(length)] }] });
  }
}

export function nameOf(entry: OrderedEntry): string {
  if (entry.kind === 'mark') return entry.name;
  if (entry.kind === 'state') return 'state';
  const at = entry.pieces.map(({ offset, length }) => `${offset / 512}+${length / 512}`);
  return `${entry.kind} ${at.join(' ')}`;
}
