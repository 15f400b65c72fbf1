import assert from 'node:assert/strict';
import type { Backlog, Entry } from '../../src/base/backlog.ts';
import { copyOf } from '../../src/base/bytes.ts';
import type { Change, Lease, Piece } from '../../src/base/change.ts';
import { Fault } from '../../src/base/fault.ts';
import { Ring } from '../../src/buffer/ring.ts';
import { Room } from '../../src/buffer/room.ts';
import { OrderedMirror } from '../../src/mirror/ordered.ts';
import type { OrderedRequest } from '../../src/mirror/orderedRequests.ts';
import { Unresolved } from '../../src/record/unresolved.ts';
import { OrderedBack } from './orderedBack.ts';
import { OrderedBus } from './orderedBus.ts';
import { type Mark, OrderedFar } from './orderedFar.ts';
import { OrderedLocal } from './orderedLocal.ts';
import { BLOCK, blocks, SIZE, text, union } from './orderedPieces.ts';

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
  /** Block tables of a local mirror and of the far end are compared before what is in doubt is copied. */
  surveys: boolean;
  /** The mirror begins with everything in doubt, and other bytes than the first volume. */
  fresh: boolean;
  /** What is mirrored is a mirror itself, which holds no moment now and then, and says so (D3). */
  upstream?: boolean;
}

/**
 * A LU with hosts that write, an ordered mirror over a real ring and room, and a far end that applies entries in order
 * when the seed says so. Asserts at every entry that says so that the far end holds what the LU held after the changes of
 * one moment, moments never going back; and at any time that what differs is in the mirror's record or on its way.
 */
export class OrderedWorld {
  readonly below: (n: number) => number;
  readonly weather: Weather;
  readonly #bus: OrderedBus;
  readonly #far: OrderedFar;
  readonly room: Room;
  readonly ring: Ring;
  readonly record: Unresolved = new Unresolved();
  readonly mirror: OrderedMirror;
  readonly #other: Backlog;
  readonly #otherHolds: Entry[] = [];
  readonly #back: OrderedBack;
  readonly #local: OrderedLocal;
  readonly #recalls: { id: number; seq: number; pieces: readonly Piece[] }[] = [];
  readonly #settles: { id: number; left: number }[] = [];
  readonly #errands: number[] = [];
  readonly #referred = new Map<number, Uint8Array>();
  readonly #marks = new Map<string, Mark>();
  #markCount = 0;
  /** What is mirrored holds a moment. Moments that were told while it did not are none. */
  #whole = true;
  #dated = 0;
  #broken = false;
  #failing = false;
  #finishing = false;

  constructor(below: (n: number) => number, weather: Weather) {
    this.below = below;
    this.weather = weather;
    this.room = new Room({ bytes: weather.roomBytes, threshold: 0.25, whenFull: 'lbn' });
    this.#bus = new OrderedBus(below, weather, this.room, (change) => this.#push(change));
    const held = weather.fresh ? new Uint8Array(SIZE) : copyOf(this.#bus.medium);
    this.#far = new OrderedFar(held, this.#bus.moments, this.#marks);
    if (weather.upstream) this.#whole = below(2) === 0;
    this.#date();
    const give = (lease: Lease): void => {
      for (const part of lease.parts) part.fill(0xee);
      this.room.give(lease);
    };
    this.ring = new Ring({ give, eased: () => {} }, weather.entriesMax);
    this.room.register(this.ring);
    this.#other = this.ring.join(() => {});
    const backlog = this.ring.join((change) => this.mirror.step({ kind: 'missed', change }), {
      bytes: weather.linkBytes,
      lost: ({ seq }) => this.#referred.set(seq, copyOf(this.#bus.told)),
      missedMark: (barrier) => this.mirror.step({ kind: 'missedMark', barrier }),
    });
    this.#local = new OrderedLocal(this.#bus.medium, below);
    this.#back = new OrderedBack({
      below,
      first: this.#bus.medium,
      local: this.#local,
      far: this.#far,
      fails: () => weather.failures && below(30) === 0,
      step: (input) => this.#step(input),
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
      underWay: () => this.#bus.underWay(),
      settles: weather.tap,
      ...(weather.upstream ? { upstream: { consistent: this.#whole, at: 0n } } : {}),
      surveys: () => weather.surveys && below(8) > 0,
      surveyMin: BLOCK,
    });
    this.#step({ kind: 'facts', blockSize: BLOCK, capacity: SIZE });
  }

  get moments(): readonly string[] {
    return this.#bus.moments;
  }

  /** Entries that said consistent, and bookmarks among them. */
  get consistentEntries(): number {
    return this.#far.consistentEntries;
  }

  get consistentMarks(): number {
    return this.#far.consistentMarks;
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
        this.#bus.begin();
        break;
      case 2:
      case 3:
      case 4:
        this.#bus.land();
        break;
      case 5:
      case 6:
      case 7:
        this.#bus.end();
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
        this.#local.copy(this.#bus.medium);
        this.#back.survey();
        this.#back.copy();
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
    if (dice === 0 && this.weather.doubts) this.#bus.wholeLu();
    else if (dice === 1) this.#step({ kind: 'stop' });
    else if (dice === 2 && this.weather.failures && !this.#broken) this.#fail();
    else if (dice > 2 && this.#broken) this.#mend();
    else if (dice === 8 && this.weather.upstream) this.#state(!this.#whole);
    else if (dice === 9) for (const id of this.#errands.splice(0)) this.#step({ kind: 'done', id });
  }

  #mark(): void {
    const name = `m${++this.#markCount}`;
    this.#marks.set(name, { moment: this.#bus.moments.length - 1, met: false });
    const upstream = this.weather.upstream ? { consistent: this.#whole } : {};
    this.ring.pushBarrier({ seq: this.#bus.seq, at: BigInt(this.#bus.seq), lu: LU, name, ...upstream });
  }

  /** What is mirrored says of itself that it holds a moment, or none, though nothing was written. */
  #state(whole: boolean): void {
    this.#whole = whole;
    const { seq, told, moments } = this.#bus;
    moments.push(text(told));
    this.#pushed({ seq, at: BigInt(seq), lu: LU, pieces: [], fua: false });
  }

  /** Nobody may be said to hold a moment that was none. */
  #date(): void {
    const { moments } = this.#bus;
    for (; this.#dated < moments.length; this.#dated++) if (!this.#whole) moments[this.#dated] = 'none';
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
    const next = this.#far.pending.shift();
    if (!next) return;
    this.#far.entry(next.entry);
    this.#step({ kind: 'done', id: next.id });
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
    const pending = this.#far.pending;
    this.#far.pending = [];
    const applied = this.below(pending.length + 1);
    for (const [i, { entry }] of pending.entries()) {
      if (i < applied) this.#far.entry(entry);
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
          pieces.push({ offset: at, length: end - at, payload: [copyOf(after, at, end)] });
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
        this.#far.pending.push(request);
        break;
      case 'copy':
      case 'survey':
        this.#back.begin(request);
        break;
      case 'recall':
        this.#recalls.push(request);
        break;
      case 'forget':
        this.#referred.delete(request.seq);
        break;
      case 'settle':
        this.#settles.push({ id: request.id, left: this.#bus.unlearned });
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
    const { uncertain, told } = this.#bus;
    if (!uncertain) return;
    this.mirror.forEachWaiting((start, end) => covered.add(...blocks(start, Math.min(end, SIZE) - start)));
    uncertain.forEachIn(0, SIZE, (start, end) => covered.add(start, end));
    for (let at = 0; at < SIZE; at += BLOCK) {
      if (covered.covers(at, at + BLOCK)) continue;
      const same = Buffer.compare(this.#far.bytes.subarray(at, at + BLOCK), told.subarray(at, at + BLOCK)) === 0;
      assert.ok(same, `block ${at / BLOCK} differs at the far end, and nobody knows`);
    }
  }

  #learn(): void {
    this.#bus.learn();
    for (const settle of this.#settles.splice(0)) {
      if (--settle.left <= 0) this.#step({ kind: 'done', id: settle.id });
      else this.#settles.push(settle);
    }
  }

  #push(change: Change): void {
    if (this.weather.upstream && !this.#finishing && this.below(6) === 0) this.#whole = !this.#whole;
    this.#pushed(change);
  }

  #pushed(change: Change): void {
    this.#date();
    if (this.weather.upstream) change.consistent = this.#whole;
    this.#local.push(change);
    this.ring.push(change);
    if (this.below(3) > 0) this.#step({ kind: 'more' });
  }

  /** Everything ends, nothing fails any more. */
  #finish(): void {
    this.weather.failures = false;
    if (this.#broken) this.#mend();
    this.#finishing = true;
    if (!this.#whole) this.#state(true);
    for (let turn = 0; !this.#quiet(); turn++) {
      assert.ok(turn < 2000, `it does not come to rest: ${this.mirror.state}`);
      while (this.#bus.open.length > 0) {
        this.#bus.land();
        this.#bus.end();
      }
      while (this.#bus.unlearned > 0) this.#learn();
      this.#step({ kind: 'more' });
      for (const id of this.#errands.splice(0)) this.#step({ kind: 'done', id });
      while (this.#recalls.length > 0) this.#recall();
      for (let n = 0; n < 40; n++) this.#back.survey();
      for (let n = 0; n < 40; n++) this.#back.copy();
      while (this.#far.pending.length > 0) this.#apply();
      for (const { id } of this.#settles.splice(0)) this.#step({ kind: 'done', id });
      this.#assertSafe();
      if (!this.mirror.resolving) this.#step({ kind: 'resolve', limit: SIZE });
    }
    assert.equal(text(this.#far.bytes), text(this.#bus.medium));
    assert.equal(this.mirror.consistent, true);
    assert.ok(this.record.below(SIZE).isEmpty);
    for (const [name, { met }] of this.#marks) assert.ok(met, `bookmark ${name} never came`);
    while (this.#other.length > 0 || this.#otherHolds.length > 0) this.#takeOther();
    assert.equal(this.ring.heldBytes, 0);
    assert.equal(this.room.freeBytes, this.room.report().bytes, 'every lease has come back');
  }

  #quiet(): boolean {
    return this.#bus.open.length + this.#bus.unlearned === 0 && this.mirror.state === 'equal';
  }
}
