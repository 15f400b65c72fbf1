import assert from 'node:assert/strict';
import type { Backlog, Entry } from '../../src/base/backlog.ts';
import type { Change, Doubt, Lease, Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import { Fault } from '../../src/base/fault.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import { Ring } from '../../src/buffer/ring.ts';
import { Room } from '../../src/buffer/room.ts';
import { OrderedMirror } from '../../src/mirror/ordered.ts';
import type { OrderedRequest } from '../../src/mirror/orderedRequests.ts';
import { Unresolved } from '../../src/record/unresolved.ts';

export const BLOCK = 16;
export const BLOCKS = 24;
export const SIZE: number = BLOCK * BLOCKS;
const LU = 'iqn.test/0';

export interface Weather {
  /** LBN-only changes, LUs in doubt whole, writes that linger. */
  doubts: boolean;
  failures: boolean;
  /** What happens on the bus is known only later. */
  tap: boolean;
  roomBytes: number;
  /** The link's own bound. */
  linkBytes: number;
  entriesMax: number;
  inFlightBytes: number;
  /** Lost data can be brought back. */
  recalls: boolean;
  /** The mirror begins with everything in doubt, and other bytes than the first volume. */
  fresh: boolean;
}

/** A write on its way at the LU. */
interface Task {
  pieces: Piece[];
  lease: Lease | undefined;
  /** Pieces that the medium has. */
  landed: number;
  kind: 'known' | 'unknown' | 'lingers' | 'refused' | 'hidden';
  told: boolean;
}

interface Copy {
  id: number;
  offset: number;
  bytes: Uint8Array;
  /** Bytes read so far. */
  read: number;
  pieces: Piece[] | undefined;
}

interface Waiting {
  id: number;
  entry: OrderedEntry;
}

/**
 * A LU with hosts that write, an ordered mirror over a real ring and room, and a far end that applies entries in order
 * when the seed says so. Asserts at every entry that says so that the far end holds what the LU held after the changes of
 * one moment, moments never going back; and at any time that what differs is in the mirror's record or on its way.
 */
export class OrderedWorld {
  readonly below: (n: number) => number;
  readonly weather: Weather;
  readonly medium: Uint8Array;
  readonly far: Uint8Array;
  /** The LU after each change, as told: one string for each moment. */
  readonly moments: string[];
  readonly room: Room;
  readonly ring: Ring;
  readonly record: Unresolved = new Unresolved();
  readonly mirror: OrderedMirror;
  readonly #told: Uint8Array;
  readonly #other: Backlog;
  readonly #otherHolds: Entry[] = [];
  readonly #open: Task[] = [];
  /** Tasks that the unit knows to be under way. */
  readonly #seen = new Set<Task>();
  /** What the unit has not learned yet, in order. */
  readonly #news: { task: Task | undefined; tell: () => void }[] = [];
  readonly #copies: Copy[] = [];
  #pending: Waiting[] = [];
  readonly #recalls: { id: number; seq: number; pieces: readonly Piece[] }[] = [];
  readonly #settles: { id: number; left: number }[] = [];
  readonly #errands: number[] = [];
  readonly #referred = new Map<number, Uint8Array>();
  readonly #marks = new Map<string, { moment: number; met: boolean }>();
  #match = 0;
  #markCount = 0;
  #seq = 0;
  #broken = false;
  #failing = false;
  consistentEntries = 0;
  consistentMarks = 0;

  constructor(below: (n: number) => number, weather: Weather) {
    this.below = below;
    this.weather = weather;
    this.medium = new Uint8Array(SIZE).map(() => below(256));
    this.far = weather.fresh ? new Uint8Array(SIZE) : this.medium.slice();
    this.#told = this.medium.slice();
    this.moments = [text(this.#told)];
    this.room = new Room({ bytes: weather.roomBytes, threshold: 0.25, whenFull: 'lbn' });
    const give = (lease: Lease): void => {
      for (const part of lease.parts) part.fill(0xee);
      this.room.give(lease);
    };
    this.ring = new Ring({ give, eased: () => {} }, weather.entriesMax);
    this.room.register(this.ring);
    this.#other = this.ring.join(() => {});
    const backlog = this.ring.join((change) => this.mirror.step({ kind: 'missed', change }), {
      bytes: weather.linkBytes,
      lost: ({ seq }) => this.#referred.set(seq, this.#told.slice()),
      missedMark: (barrier) => this.mirror.step({ kind: 'missedMark', barrier }),
    });
    this.record.blockSize = BLOCK;
    if (weather.fresh) this.record.addWhole('unseen');
    this.mirror = new OrderedMirror({
      name: { to: 'journey://far:1/v', medium: 'memory' },
      backlog,
      record: this.record,
      size: SIZE,
      inFlightBytes: weather.inFlightBytes,
      copyBytes: BLOCK * (1 + below(6)),
      copiesMax: 1 + below(3),
      underWay: () => this.#underWay(),
      settles: weather.tap,
    });
    this.#step({ kind: 'facts', blockSize: BLOCK, capacity: SIZE });
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#act();
      if (this.below(8) === 0) this.#assertSafe();
    }
    this.#finish();
  }

  #act(): void {
    switch (this.below(20)) {
      case 0:
      case 1:
        this.#begin();
        break;
      case 2:
      case 3:
      case 4:
        this.#land();
        break;
      case 5:
      case 6:
      case 7:
        this.#end();
        break;
      case 8:
        this.#learn();
        break;
      case 9:
        this.#step({ kind: 'more' });
        break;
      case 10:
      case 11:
      case 12:
        this.#apply();
        break;
      case 13:
      case 14:
        this.#copy();
        break;
      case 15:
        this.#recall();
        break;
      case 16:
        this.#step({ kind: 'resolve', limit: SIZE });
        break;
      case 17:
        this.#takeOther();
        break;
      case 18:
        this.#mark();
        break;
      default:
        this.#seldom();
        break;
    }
  }

  #seldom(): void {
    const dice = this.below(10);
    if (dice === 0 && this.weather.doubts) this.#wholeLu();
    else if (dice === 1) this.#step({ kind: 'stop' });
    else if (dice === 2 && this.weather.failures && !this.#broken) this.#fail();
    else if (dice > 2 && this.#broken) this.#mend();
    else if (dice === 9) for (const id of this.#errands.splice(0)) this.#step({ kind: 'done', id });
  }

  #underWay(): { tasks: number; bytes: Extents | undefined } {
    const bytes = new Extents();
    for (const { pieces } of this.#seen) for (const { offset, length } of pieces) bytes.add(...blocks(offset, length));
    return { tasks: this.#seen.size, bytes: this.below(10) === 0 ? undefined : bytes };
  }

  /** A host sends a write to blocks where none is under way. */
  #begin(): void {
    const taken = new Extents();
    for (const { pieces } of this.#open) for (const { offset, length } of pieces) taken.add(...blocks(offset, length));
    const task: Task = { pieces: [], lease: undefined, landed: 0, kind: this.#kind(), told: false };
    for (let n = 1 + (this.below(4) === 0 ? this.below(3) : 0); n > 0; n--) {
      const lbn = this.below(BLOCKS);
      const count = 1 + this.below(Math.min(5, BLOCKS - lbn));
      if (!taken.intersects(lbn * BLOCK, (lbn + count) * BLOCK)) this.#piece(task, lbn * BLOCK, count * BLOCK);
    }
    if (task.pieces.length === 0) return;
    this.#open.push(task);
    this.#tell(task, () => this.#seen.add(task));
  }

  #kind(): Task['kind'] {
    const dice = this.below(20);
    if (dice === 0) return 'refused';
    if (!this.weather.doubts) return 'known';
    return dice < 3 ? 'unknown' : dice === 3 ? 'lingers' : dice === 4 ? 'hidden' : 'known';
  }

  #piece(task: Task, offset: number, length: number): void {
    const dice = this.below(8);
    const random = (bytes: number): Uint8Array => new Uint8Array(bytes).map(() => this.below(256));
    if (dice === 0) task.pieces.push({ offset, length, payload: 'zeros' });
    else if (dice === 1) task.pieces.push({ offset, length, payload: { fill: random(BLOCK) } });
    else if (task.lease !== undefined) task.pieces.push({ offset, length, payload: 'zeros' });
    else {
      const or = dice === 2;
      const less = !or && dice === 3 ? 1 + this.below(BLOCK - 1) : 0;
      task.lease = this.room.take(length - less);
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
  #land(): void {
    const task = this.#open[this.below(this.#open.length)];
    if (!task || task.kind === 'refused' || task.landed >= task.pieces.length) return;
    if (task.kind === 'hidden' && !task.told) return;
    put(this.medium, task.pieces[task.landed++]);
  }

  #end(): void {
    const at = this.below(this.#open.length);
    const task = this.#open[at];
    if (!task) return;
    const all = task.landed === task.pieces.length;
    if (task.kind === 'hidden' && !task.told) {
      // Nobody saw it begin but that it may land was known: what a process left behind that was killed.
      task.told = true;
      return;
    }
    if (task.kind === 'lingers' && !task.told) {
      task.told = true;
      this.#tell(task, () => this.#push(task, 'aborted'));
      return;
    }
    if (task.kind !== 'refused' && !all) return;
    this.#open.splice(at, 1);
    const after = this.medium.slice();
    this.#tell(task, () => {
      this.#seen.delete(task);
      if (task.kind === 'known') this.#push(task, undefined);
      else if (task.kind === 'refused') this.#giveLease(task);
      else this.#push(task, 'outcome', after);
    });
  }

  #giveLease(task: Task): void {
    if (task.lease) this.room.give(task.lease);
    task.lease = undefined;
  }

  #moment(pieces: readonly Piece[], after: Uint8Array): void {
    for (const { offset, length } of pieces) {
      const [start, end] = blocks(offset, length);
      this.#told.set(after.subarray(start, end), start);
    }
    this.moments.push(text(this.#told));
  }

  #push(task: Task, doubt: Doubt | undefined, after: Uint8Array = this.medium): void {
    const change: Change = { seq: ++this.#seq, at: BigInt(this.#seq), lu: LU, pieces: task.pieces, fua: false };
    if (doubt === undefined) {
      for (const piece of task.pieces) put(this.#told, piece);
      this.moments.push(text(this.#told));
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
    this.ring.push(change);
    if (this.below(3) > 0) this.#step({ kind: 'more' });
  }

  /** Some command passed by that nobody saw. */
  #wholeLu(): void {
    const changed: Piece[] = [];
    for (let lbn = 0; lbn < BLOCKS; lbn++) {
      const offset = lbn * BLOCK;
      const busy = this.#open.some(({ pieces }) => pieces.some((one) => touches(one, offset, BLOCK)));
      if (busy || this.below(4) > 0) continue;
      for (let i = 0; i < BLOCK; i++) this.medium[offset + i] = this.below(256);
      changed.push({ offset, length: BLOCK, payload: 'lbnOnly' });
    }
    const after = this.medium.slice();
    this.#tell(undefined, () => {
      this.#moment(changed, after);
      this.ring.push({
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
    if (!this.weather.tap) this.#learn();
  }

  #learn(): void {
    this.#news.shift()?.tell();
    for (const settle of this.#settles.splice(0)) {
      if (--settle.left <= 0) this.#step({ kind: 'done', id: settle.id });
      else this.#settles.push(settle);
    }
  }

  #mark(): void {
    const name = `m${++this.#markCount}`;
    this.#marks.set(name, { moment: this.moments.length - 1, met: false });
    this.ring.pushBarrier({ seq: this.#seq, at: BigInt(this.#seq), lu: LU, name });
  }

  #takeOther(): void {
    const entry = this.#other.peek();
    if (entry && this.below(3) > 0) {
      if (!this.#other.lost) this.#otherHolds.push(entry);
      this.#other.take();
    } else if (this.#otherHolds.length > 0) {
      this.#other.done(this.#otherHolds.splice(this.below(this.#otherHolds.length), 1)[0]);
    }
  }

  /** The far end has applied one entry more. */
  #apply(): void {
    const next = this.#pending.shift();
    if (!next) return;
    this.#entry(next.entry);
    this.#step({ kind: 'done', id: next.id });
  }

  #entry(entry: OrderedEntry): void {
    if (entry.kind === 'change' || entry.kind === 'copy') {
      const seen = new Extents();
      for (const piece of entry.pieces) {
        assert.ok(!seen.intersects(piece.offset, piece.offset + piece.length), 'the pieces of an entry do not overlap');
        seen.add(piece.offset, piece.offset + piece.length);
        put(this.far, piece);
      }
    }
    const known = entry.kind === 'mark' ? this.#marks.get(entry.name) : undefined;
    if (entry.kind === 'mark') {
      assert.ok(known && !known.met, 'a bookmark comes once');
      known.met = true;
    }
    if (!entry.consistent) return;
    const found = this.moments.indexOf(text(this.far), this.#match);
    assert.ok(found >= 0, `${entry.kind} says consistent, and the far end holds no moment that the LU had`);
    this.#match = found;
    this.consistentEntries++;
    if (!known) return;
    assert.equal(text(this.far), this.moments[known.moment], 'a consistent bookmark is the moment that it names');
    this.consistentMarks++;
  }

  /** What was under way is refused; how much of it was applied nobody is told. */
  #fail(): void {
    this.#broken = true;
    if (this.below(3) === 0) {
      // Broken by something else: what was under way still ends, later and perhaps well.
      this.#step({ kind: 'broken', fault: new Fault('local', 'too small') });
      return;
    }
    this.#failing = true;
    const pending = this.#pending;
    this.#pending = [];
    const applied = this.below(pending.length + 1);
    for (const [i, { entry }] of pending.entries()) {
      if (i < applied) this.#entry(entry);
      else if (entry.kind === 'mark') this.#marks.delete(entry.name);
    }
    const fault = new Fault('peer', 'refused');
    for (const { id } of pending) this.#step({ kind: 'failed', id, fault, source: false });
    this.#step({ kind: 'broken', fault });
    this.#failing = false;
  }

  #mend(): void {
    this.#broken = false;
    this.#step({ kind: 'mended', bytes: SIZE });
  }

  /** One step of a copy: a part is read, then what differs is found out, then it is told. */
  #copy(): void {
    const at = this.below(this.#copies.length);
    const copy = this.#copies[at];
    if (!copy) return;
    const { id, offset, bytes } = copy;
    if (this.weather.failures && this.below(30) === 0) {
      this.#copies.splice(at, 1);
      const fault = new Fault('local', 'cannot be read');
      this.#step({ kind: 'failed', id, fault, source: true });
    } else if (copy.read < bytes.length) {
      const length = Math.min(bytes.length - copy.read, 1 + this.below(3 * BLOCK));
      bytes.set(this.medium.subarray(offset + copy.read, offset + copy.read + length), copy.read);
      copy.read += length;
    } else if (copy.pieces === undefined) copy.pieces = this.#differing(offset, bytes);
    else {
      this.#copies.splice(at, 1);
      this.#step({ kind: 'copied', id, pieces: copy.pieces });
    }
  }

  #differing(offset: number, bytes: Uint8Array): Piece[] {
    const held = this.far.slice();
    for (const { entry } of this.#pending) {
      if ('pieces' in entry) for (const piece of entry.pieces) put(held, piece);
    }
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const one = bytes.subarray(at, at + BLOCK);
      if (Buffer.compare(one, held.subarray(offset + at, offset + at + BLOCK)) === 0) continue;
      pieces.push({ offset: offset + at, length: BLOCK, payload: [one] });
    }
    return pieces;
  }

  #recall(): void {
    const [job] = this.#recalls.splice(this.below(this.#recalls.length), 1);
    if (!job) return;
    const after = this.#referred.get(job.seq);
    this.#referred.delete(job.seq);
    const pieces: Piece[] = [];
    const whole = this.below(3) > 0;
    for (const [start, length] of union(job.pieces).toRanges()) {
      for (let at = start; at < start + length; at += BLOCK) {
        const end = Math.min(at + BLOCK, start + length);
        if (after && (whole || this.below(2) > 0)) {
          pieces.push({ offset: at, length: end - at, payload: [after.slice(at, end)] });
        }
      }
    }
    this.#step({ kind: 'recalled', id: job.id, pieces });
  }

  #step(input: Parameters<OrderedMirror['step']>[0]): void {
    this.mirror.step(input);
    for (let wanted = this.mirror.take(); wanted.length > 0; wanted = this.mirror.take()) {
      for (const request of wanted) this.#request(request);
    }
  }

  #request(request: OrderedRequest): void {
    switch (request.kind) {
      case 'append':
        assert.ok(!this.#broken || this.#failing, 'nothing is appended to what is broken');
        this.#pending.push(request);
        break;
      case 'copy': {
        const bytes = new Uint8Array(request.length);
        this.#copies.push({ id: request.id, offset: request.offset, bytes, read: 0, pieces: undefined });
        break;
      }
      case 'recall':
        this.#recalls.push(request);
        break;
      case 'forget':
        this.#referred.delete(request.seq);
        break;
      case 'settle':
        this.#settles.push({ id: request.id, left: this.#news.length });
        break;
      case 'flush':
      case 'grow':
        this.#errands.push(request.id);
    }
    if (!this.weather.recalls) this.#referred.clear();
  }

  /** Requirement B7: whatever the far end lacks is in the record, on its way, or being written right now. */
  #assertSafe(): void {
    const covered = this.record.below(SIZE);
    this.mirror.forEachWaiting((start, end) => covered.add(...blocks(start, Math.min(end, SIZE) - start)));
    const tasks = [...this.#open, ...this.#news.flatMap(({ task }) => task ?? [])];
    for (const { pieces } of tasks) for (const { offset, length } of pieces) covered.add(...blocks(offset, length));
    if (this.#news.some(({ task }) => task === undefined)) return;
    for (let at = 0; at < SIZE; at += BLOCK) {
      if (covered.covers(at, at + BLOCK)) continue;
      const same = Buffer.compare(this.far.subarray(at, at + BLOCK), this.#told.subarray(at, at + BLOCK)) === 0;
      assert.ok(same, `block ${at / BLOCK} differs at the far end, and nobody knows`);
    }
  }

  /** Everything ends, nothing fails any more. */
  #finish(): void {
    this.weather.failures = false;
    if (this.#broken) this.#mend();
    for (let turn = 0; !this.#quiet(); turn++) {
      assert.ok(turn < 2000, `it does not come to rest: ${this.mirror.state}`);
      while (this.#open.length > 0) {
        this.#land();
        this.#end();
      }
      while (this.#news.length > 0) this.#learn();
      this.#step({ kind: 'more' });
      for (const id of this.#errands.splice(0)) this.#step({ kind: 'done', id });
      while (this.#recalls.length > 0) this.#recall();
      for (let n = 0; n < 40; n++) this.#copy();
      while (this.#pending.length > 0) this.#apply();
      for (const { id } of this.#settles.splice(0)) this.#step({ kind: 'done', id });
      this.#assertSafe();
      if (!this.mirror.resolving) this.#step({ kind: 'resolve', limit: SIZE });
    }
    assert.equal(text(this.far), text(this.medium));
    assert.equal(this.mirror.consistent, true);
    assert.ok(this.record.below(SIZE).isEmpty);
    for (const [name, { met }] of this.#marks) assert.ok(met, `bookmark ${name} never came`);
    while (this.#other.length > 0 || this.#otherHolds.length > 0) this.#takeOther();
    assert.equal(this.ring.heldBytes, 0);
    assert.equal(this.room.freeBytes, this.room.report().bytes, 'every lease has come back');
  }

  #quiet(): boolean {
    return this.#open.length + this.#news.length === 0 && this.mirror.state === 'equal';
  }
}

function blocks(offset: number, length: number): [number, number] {
  return [Math.floor(offset / BLOCK) * BLOCK, Math.ceil((offset + length) / BLOCK) * BLOCK];
}

function touches(piece: Piece, offset: number, length: number): boolean {
  const [start, end] = blocks(piece.offset, piece.length);
  return start < offset + length && offset < end;
}

function union(pieces: readonly Piece[]): Extents {
  const all = new Extents();
  for (const { offset, length } of pieces) all.add(offset, offset + length);
  return all;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function put(bytes: Uint8Array, { offset, length, payload }: Piece): void {
  if (payload === 'lbnOnly') assert.fail('an entry knows its bytes');
  if (payload === 'zeros') bytes.fill(0, offset, offset + length);
  else if (isFill(payload)) {
    for (let i = 0; i < length; i++) bytes[offset + i] = payload.fill[i % payload.fill.length];
  } else {
    let at = offset;
    for (const part of isOr(payload) ? payload.or : payload) {
      for (const byte of part) {
        bytes[at] = isOr(payload) ? bytes[at] | byte : byte;
        at++;
      }
    }
    assert.equal(at, offset + length, 'a piece has its bytes');
  }
}

/** The bytes as they lie in the lease. */
function parted(lease: Lease, bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const part of lease.parts) {
    const taken = part.subarray(0, bytes.length - at);
    if (taken.length === 0) break;
    taken.set(bytes.subarray(at, at + taken.length));
    parts.push(taken);
    at += taken.length;
  }
  return parts;
}
