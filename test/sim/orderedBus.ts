import { copyOf } from '../../src/base/bytes.ts';
import type { Change, Doubt, Lease, Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import type { Room } from '../../src/buffer/room.ts';
import { BLOCK, BLOCKS, blocks, parted, put, SIZE, text, touches } from './orderedPieces.ts';

const LU = 'iqn.test/0';

/** A write on its way at the LU. */
interface Task {
  pieces: Piece[];
  lease: Lease | undefined;
  /** Pieces that the medium has. */
  landed: number;
  /** `orphan`: the unit that saw it begin was killed. */
  kind: 'known' | 'unknown' | 'lingers' | 'refused' | 'hidden' | 'orphan';
  told: boolean;
}

export interface BusWeather {
  /** LBN-only changes, LUs in doubt whole, writes that linger. */
  readonly doubts: boolean;
  /** What happens on the bus is known only later. */
  readonly tap: boolean;
  /** No ORs, and no pieces of one write that overlap: their data cannot be brought back. */
  readonly plain?: boolean;
}

/** The LU, the hosts that write it, and what the unit learns of that: at once at a tee, later at a tap. */
export class OrderedBus {
  readonly medium: Uint8Array;
  /** The LU as its changes tell it. */
  readonly told: Uint8Array;
  /** The same after each change: one string for each moment. */
  readonly moments: string[];
  readonly open: Task[] = [];
  readonly #below: (n: number) => number;
  readonly #weather: BusWeather;
  #room: Room;
  readonly #push: (change: Change) => void;
  /** Tasks that the unit knows to be under way. */
  readonly #seen = new Set<Task>();
  /** What the unit has not learned yet, in order. */
  readonly #news: { task: Task | undefined; tell: () => void }[] = [];
  #seq = 0;

  constructor(below: (n: number) => number, weather: BusWeather, room: Room, push: (change: Change) => void) {
    this.#below = below;
    this.#weather = weather;
    this.#room = room;
    this.#push = push;
    this.medium = new Uint8Array(SIZE).map(() => below(256));
    this.told = copyOf(this.medium);
    this.moments = [text(this.told)];
  }

  get seq(): number {
    return this.#seq;
  }

  /** How much the unit has yet to learn. */
  get unlearned(): number {
    return this.#news.length;
  }

  /** Bytes that tasks may have changed without a change; undefined: any. */
  get uncertain(): Extents | undefined {
    const all = new Extents();
    const tasks = [...this.open];
    for (const { task } of this.#news) {
      if (task === undefined) return undefined;
      tasks.push(task);
    }
    for (const { pieces } of tasks) for (const { offset, length } of pieces) all.add(...blocks(offset, length));
    return all;
  }

  underWay(): { tasks: number; bytes: Extents | undefined } {
    const bytes = new Extents();
    for (const { pieces } of this.#seen) for (const { offset, length } of pieces) bytes.add(...blocks(offset, length));
    return { tasks: this.#seen.size, bytes: this.#below(10) === 0 ? undefined : bytes };
  }

  /** A host sends a write to blocks where none is under way. */
  begin(): void {
    const taken = new Extents();
    for (const { pieces } of this.open) for (const { offset, length } of pieces) taken.add(...blocks(offset, length));
    const task: Task = { pieces: [], lease: undefined, landed: 0, kind: this.#kind(), told: false };
    for (let n = 1 + (this.#below(4) === 0 ? this.#below(3) : 0); n > 0; n--) {
      const lbn = this.#below(BLOCKS);
      const count = 1 + this.#below(Math.min(5, BLOCKS - lbn));
      if (taken.intersects(lbn * BLOCK, (lbn + count) * BLOCK)) continue;
      this.#piece(task, lbn * BLOCK, count * BLOCK);
      if (this.#weather.plain) taken.add(lbn * BLOCK, (lbn + count) * BLOCK);
    }
    if (task.pieces.length === 0) return;
    this.open.push(task);
    this.#tell(task, () => this.#seen.add(task));
  }

  #kind(): Task['kind'] {
    const dice = this.#below(20);
    if (dice === 0) return 'refused';
    if (!this.#weather.doubts) return 'known';
    return dice < 3 ? 'unknown' : dice === 3 ? 'lingers' : dice === 4 ? 'hidden' : 'known';
  }

  #piece(task: Task, offset: number, length: number): void {
    const dice = this.#below(8);
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes).map(() => this.#below(256));
    if (dice === 0) task.pieces.push({ offset, length, payload: 'zeros' });
    else if (dice === 1) task.pieces.push({ offset, length, payload: { fill: random(BLOCK) } });
    else if (task.lease !== undefined) task.pieces.push({ offset, length, payload: 'zeros' });
    else {
      const or = dice === 2 && !this.#weather.plain;
      const less = !or && dice === 3 ? 1 + this.#below(BLOCK - 1) : 0;
      task.lease = this.#room.take(length - less);
      if (!task.lease) {
        if (task.kind === 'known') task.kind = 'unknown';
        task.pieces.push({ offset, length: length - less, payload: [random(length - less)] });
        return;
      }
      const parts = parted(task.lease, random(length - less));
      task.pieces.push({ offset, length: length - less, payload: or ? { or: parts } : parts });
    }
  }

  /** One piece more reaches the medium. */
  land(): void {
    const task = this.open[this.#below(this.open.length)];
    if (!task || task.kind === 'refused' || task.landed >= task.pieces.length) return;
    if (task.kind === 'hidden' && !task.told) return;
    put(this.medium, task.pieces[task.landed++]);
  }

  end(): void {
    const at = this.#below(this.open.length);
    const task = this.open[at];
    if (!task) return;
    const all = task.landed === task.pieces.length;
    if (task.kind === 'orphan') {
      this.open.splice(at, 1);
      this.#moment(task.pieces, this.medium);
      return;
    }
    if (task.kind === 'hidden' && !task.told) {
      // Nobody saw it begin but that it may land was known: what a process left behind that was killed.
      task.told = true;
      return;
    }
    if (task.kind === 'lingers' && !task.told) {
      task.told = true;
      this.#tell(task, () => this.#emit(task, 'aborted'));
      return;
    }
    if (task.kind !== 'refused' && !all) return;
    this.open.splice(at, 1);
    const after = copyOf(this.medium);
    this.#tell(task, () => {
      this.#seen.delete(task);
      if (task.kind === 'known') this.#emit(task, undefined);
      else if (task.kind === 'refused') this.#giveLease(task);
      else this.#emit(task, 'outcome', after);
    });
  }

  /** The unit is killed: what is on its way lands, or does not, and nobody is told. The next unit has this room. */
  killed(room: Room): void {
    this.#room = room;
    this.#seen.clear();
    for (const task of this.open) {
      if (task.kind === 'refused') task.landed = task.pieces.length;
      task.kind = 'orphan';
      task.lease = undefined;
    }
  }

  /** Nothing that a killed unit left behind can land any more. */
  endOrphans(): void {
    for (let at = this.open.length - 1; at >= 0; at--) {
      const task = this.open[at];
      if (task.kind !== 'orphan') continue;
      while (task.landed < task.pieces.length && this.#below(3) > 0) put(this.medium, task.pieces[task.landed++]);
      this.open.splice(at, 1);
      this.#moment(task.pieces, this.medium);
    }
  }

  #giveLease(task: Task): void {
    if (task.lease) this.#room.give(task.lease);
    task.lease = undefined;
  }

  #moment(pieces: readonly Piece[], after: Uint8Array): void {
    for (const { offset, length } of pieces) {
      const [start, end] = blocks(offset, length);
      this.told.set(after.subarray(start, end), start);
    }
    this.moments.push(text(this.told));
  }

  #emit(task: Task, doubt: Doubt | undefined, after: Uint8Array = this.medium): void {
    const change: Change = { seq: ++this.#seq, at: BigInt(this.#seq), lu: LU, pieces: task.pieces, fua: false };
    if (doubt === undefined) {
      for (const piece of task.pieces) put(this.told, piece);
      this.moments.push(text(this.told));
      if (task.lease) change.lease = task.lease;
    } else {
      change.doubt = doubt;
      change.pieces = task.pieces.map(({ offset, length }) => {
        const [start, end] = blocks(offset, length);
        return { offset: start, length: end - start, payload: 'lbnOnly' };
      });
      this.#giveLease(task);
      this.#moment(task.pieces, after);
    }
    this.#push(change);
  }

  /** Some command passed by that nobody saw. */
  wholeLu(): void {
    const changed: Piece[] = [];
    for (let lbn = 0; lbn < BLOCKS; lbn++) {
      const offset = lbn * BLOCK;
      const busy = this.open.some(({ pieces }) => pieces.some((one) => touches(one, offset, BLOCK)));
      if (busy || this.#below(4) > 0) continue;
      for (let i = 0; i < BLOCK; i++) this.medium[offset + i] = this.#below(256);
      changed.push({ offset, length: BLOCK, payload: 'lbnOnly' });
    }
    const after = copyOf(this.medium);
    this.#tell(undefined, () => {
      this.#moment(changed, after);
      this.#push({
        seq: ++this.#seq,
        at: BigInt(this.#seq),
        lu: LU,
        pieces: 'wholeLu',
        fua: false,
        doubt: 'unseen',
      });
    });
  }

  /** A tee knows at once, a tap later. */
  #tell(task: Task | undefined, tell: () => void): void {
    this.#news.push({ task, tell });
    if (!this.#weather.tap) this.learn();
  }

  learn(): void {
    this.#news.shift()?.tell();
  }
}
