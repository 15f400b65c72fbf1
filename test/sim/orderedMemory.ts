import type { Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import type { OrderedEntry, OrderedVolume } from '../../src/base/ordered.ts';
import type { VolumeIdentity } from '../../src/base/volume.ts';
import type { OrderedFar } from './orderedFar.ts';
import { OrderedOnly } from './orderedOnly.ts';
import { BLOCK } from './orderedPieces.ts';

interface Answer {
  resolve: () => void;
  reject: (fault: Fault) => void;
}

/** An ordered volume in memory whose entries become durable, and whose comparisons end, when the test says so. */
export class OrderedMemory extends OrderedOnly implements OrderedVolume {
  readonly far: OrderedFar;
  readonly blockSize: number = BLOCK;
  down = false;
  closed = false;
  readonly #answers = new Map<number, Answer>();
  readonly #comparisons: (() => void)[] = [];
  #lastId = 0;

  constructor(far: OrderedFar) {
    super();
    this.far = far;
  }

  get blocks(): number {
    return this.far.bytes.length / BLOCK;
  }

  /** Entries that are not durable yet. */
  get waiting(): number {
    return this.far.pending.length;
  }

  identity(): VolumeIdentity {
    return { kind: 'memory', id: 'far' };
  }

  append(entry: OrderedEntry): Promise<void> {
    if (this.down || this.closed) return Promise.reject(new Fault('peer', 'refused'));
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      this.far.pending.push({ id, entry });
      this.#answers.set(id, { resolve, reject });
    });
  }

  differing(offset: number, bytes: Uint8Array): Promise<Piece[]> {
    const pieces = this.far.differing(offset, bytes);
    return new Promise((resolve) => this.#comparisons.push(() => resolve(pieces)));
  }

  /** One entry more is durable. */
  apply(): void {
    const next = this.far.pending.shift();
    if (!next) return;
    this.far.entry(next.entry);
    this.#answers.get(next.id)?.resolve();
    this.#answers.delete(next.id);
  }

  /** One comparison more is answered. */
  compare(): void {
    this.#comparisons.shift()?.();
  }

  /** Whatever is under way will never be durable. */
  refuse(): void {
    this.down = true;
    for (const { id } of this.far.pending.splice(0)) this.#answers.get(id)?.reject(new Fault('peer', 'refused'));
    this.#answers.clear();
  }

  grow(): Promise<void> {
    return Promise.resolve();
  }

  revive(): Promise<void> {
    this.down = false;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed = true;
    this.refuse();
    return Promise.resolve();
  }
}
