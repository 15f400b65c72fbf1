import assert from 'node:assert/strict';
import { copyOf } from '../../src/base/bytes.ts';
import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import type { VolumeIdentity } from '../../src/base/volume.ts';
import { ELIDE_AFTER_NS, elide } from '../../src/link/elision.ts';
import { pieceBytes } from '../../src/link/runs.ts';
import { SendQueue, type SentEntry } from '../../src/link/sendQueue.ts';
import type { JourneyStatus, JourneyVolume } from '../../src/unit/link/journeyTypes.ts';
import { applyPiece } from '../kit/farStore.ts';
import { OrderedOnly } from './orderedOnly.ts';
import { BLOCK, BLOCKS, SIZE } from './relayMiddle.ts';
import { type RelaySource, textOf } from './relaySource.ts';

interface Pending {
  entry: OrderedEntry;
  resolve: () => void;
  reject: (fault: Fault) => void;
}

/** A unit at the end of the chain: what it holds, and whether what it is told of that is true. */
export class RelayEnd {
  readonly bytes: Uint8Array;
  readonly #source: RelaySource;
  /** The moment that was held last. */
  #match = 0;
  #mayGoBack = false;
  consistent = 0;
  consistentMarks = 0;
  elidedBytes = 0;
  readonly marks = new Set<string>();

  constructor(source: RelaySource, bytes: Uint8Array) {
    this.#source = source;
    this.bytes = bytes;
  }

  /** The middle unit has given something up: an older moment may come again, once that was told. */
  goBack(): void {
    this.#mayGoBack = true;
  }

  apply(entry: OrderedEntry): void {
    if ('pieces' in entry) for (const piece of entry.pieces) applyPiece(this.bytes, piece);
    assert.ok(entry.at >= 1000n && entry.at <= this.#source.at, `${entry.kind} has a time of the sender: ${entry.at}`);
    if (entry.kind === 'mark') this.marks.add(entry.name);
    if (!entry.consistent) {
      if (this.#mayGoBack) this.#match = 0;
      return;
    }
    this.consistent++;
    const { moments, marks } = this.#source;
    const text = textOf(this.bytes);
    const found = moments.indexOf(text, this.#match);
    assert.ok(found >= 0, `${entry.kind} says consistent, and the end of the chain holds no moment that there was`);
    this.#match = found;
    if (entry.kind !== 'mark') return;
    this.consistentMarks++;
    assert.equal(text, moments[marks.get(entry.name) ?? -1], 'a consistent bookmark is the moment that it names');
  }
}

/** The link to it, of one process of the middle unit. */
export class RelayLink extends OrderedOnly implements JourneyVolume {
  readonly blockSize = BLOCK;
  readonly blocks = BLOCKS;
  readonly pending: Pending[] = [];
  readonly comparisons: (() => void)[] = [];
  down = false;
  readonly #end: RelayEnd;
  readonly #id: string;
  #over = false;

  constructor(end: RelayEnd, id: string) {
    super();
    this.#end = end;
    this.#id = id;
  }

  get link(): JourneyStatus {
    const counts = { appended: 0, sent: 0, durable: 0, waitingBytes: 0, wireBytes: 0, entryBytes: 0, reconnects: 0 };
    const words = { remote: '', peer: '', version: undefined, clockMs: undefined, compression: 'none' };
    const silent = { roundTripMs: undefined, paused: undefined, lastFault: undefined };
    return { connected: !this.#over, since: 0, ...silent, ...counts, ...words };
  }

  identity(): VolumeIdentity {
    return { kind: 'lu', id: this.#id };
  }

  append(entry: OrderedEntry): Promise<void> {
    if (this.down || this.#over) return Promise.reject(new Fault('peer', 'refused'));
    return new Promise((resolve, reject) => this.pending.push({ entry, resolve, reject }));
  }

  differing(offset: number, bytes: Uint8Array): Promise<Piece[]> {
    const held = copyOf(this.#end.bytes);
    for (const { entry } of this.pending) if ('pieces' in entry) for (const one of entry.pieces) applyPiece(held, one);
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const one = bytes.subarray(at, at + BLOCK);
      if (Buffer.compare(one, held.subarray(offset + at, offset + at + BLOCK)) === 0) continue;
      pieces.push({ offset: offset + at, length: BLOCK, payload: [one] });
    }
    return new Promise((resolve) => this.comparisons.push(() => resolve(pieces)));
  }

  /** One entry more is durable there; `waited`: no byte of it left for long, nor of those behind it. */
  step(waited = false): void {
    const [next] = this.pending;
    if (!next) return;
    if (waited) this.#stepAll();
    else {
      this.pending.shift();
      this.#end.apply(next.entry);
      next.resolve();
    }
  }

  /** As a sender does that had to wait. */
  #stepAll(): void {
    const queue = new SendQueue();
    for (const [id, { entry }] of this.pending.entries()) {
      const bytes = 'pieces' in entry ? pieceBytes(entry.pieces) : 0;
      const own = { earlier: [], last: id + 1, number: 0, since: 0, bytes, appendedBytes: bytes };
      queue.push({ kind: 'entry', id, entry, ...own });
    }
    const first = queue.next() as SentEntry;
    const { entry, last, bytes, appendedBytes } = elide(queue, first, Number.POSITIVE_INFINITY, ELIDE_AFTER_NS);
    this.#end.apply(entry);
    this.#end.elidedBytes += appendedBytes - bytes;
    for (const { resolve } of this.pending.splice(0, last)) resolve();
  }

  /** Nothing under way will be durable by these calls; `applied` of it is there all the same. */
  refuse(applied: number): void {
    this.down = true;
    for (const [i, { entry, reject }] of this.pending.splice(0).entries()) {
      if (i < applied) this.#end.apply(entry);
      reject(new Fault('peer', 'refused'));
    }
  }

  /** The process that it belonged to was killed. */
  kill(applied: number): void {
    this.#over = true;
    this.refuse(applied);
    this.comparisons.length = 0;
  }

  revive(): Promise<void> {
    if (this.#over) return Promise.reject(new Fault('peer', 'refused'));
    this.down = false;
    return Promise.resolve();
  }

  grow(bytes: number): Promise<void> {
    assert.ok(bytes <= SIZE);
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.kill(0);
    return Promise.resolve();
  }
}
