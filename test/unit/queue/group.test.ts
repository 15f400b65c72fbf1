import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { QueueHead } from '../../../parsers/formats/queueEntry.ts';
import { Fault } from '../../../src/base/fault.ts';
import { Group } from '../../../src/queue/group.ts';
import { QueueIndex } from '../../../src/queue/queueIndex.ts';
import { Timeline } from '../../../src/queue/timeline.ts';

/** As two volumes of one process have them: what names the volume stands before what names the process. */
function epochOf(member: number, process: number): string {
  return `${member}${'0'.repeat(7)}-0000-0000-0000-${String(process).padStart(12, '0')}`;
}

interface Sent {
  process: number;
  number: number;
  joined: boolean;
  consistent: boolean;
  at: number;
  mark?: string;
  /** The newest change that the volume holds then; what it holds while inconsistent is nobody's business. */
  holds: number;
}

type Frame = Sent | { through: number; process: number };

/** A queue as a far end keeps it, with what the volume held at each of its moments. */
class Member {
  readonly name: string;
  readonly index = new QueueIndex(1);
  readonly timeline = new Timeline(this.index, { sequence: 0, at: 0n, consistent: false, bytes: 512 });
  readonly holds = [0];
  readonly way: Frame[] = [];
  /** Of the near end. */
  taken = 0;
  /** The number of what was dealt with last: that of entries that no change brought. */
  dealt = 0;
  missing = false;
  joined = false;
  readonly #id: number;

  constructor(id: number) {
    this.#id = id;
    this.name = `v${id}`;
  }

  /** The near end appends an entry. */
  send(entry: Omit<Sent, 'joined' | 'consistent' | 'holds'>): void {
    this.way.push({ ...entry, joined: this.joined, consistent: !this.missing, holds: this.taken });
    this.joined = true;
  }

  arrive(): void {
    const frame = this.way.shift();
    if (!frame) return;
    const epoch = epochOf(this.#id, frame.process);
    const { orders } = this.timeline;
    if ('through' in frame) {
      orders.through({ epoch, number: 1 }, frame.through);
      return;
    }
    const { number, joined, consistent, at, mark, holds } = frame;
    const kind = mark === undefined ? ('change' as const) : ('mark' as const);
    const rest = { durable: 0, pieces: [], payloadBytes: 0, payloadCrc: 0, bytes: 0, name: mark ?? '' };
    const place = { epoch, number: 1 };
    const order = orders.orderOf({ number, joined });
    const head: QueueHead = { sequence: this.index.next, at: BigInt(at), kind, consistent, place, order, ...rest };
    this.holds[this.index.next] = holds;
    this.index.add(head, 76, 1, 0, this.timeline.clockOf(head.at), true);
    this.timeline.add(head);
  }

  fold(sequence: number): void {
    if (sequence < this.index.first || sequence >= this.index.next) return;
    this.timeline.dropTo(sequence);
    this.index.dropTo(sequence);
  }
}

type Op =
  | { kind: 'change'; member: number; fate: number }
  | { kind: 'repair' | 'through' | 'doubt'; member: number }
  | { kind: 'arrive'; member: number; count: number }
  | { kind: 'fold'; member: number; count: number }
  | { kind: 'break'; member: number }
  | { kind: 'roll'; member: number; back: number }
  | { kind: 'mark' }
  | { kind: 'restart'; clean: boolean };

const member = fc.nat(2);
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('change' as const), member, fate: fc.nat(19) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('repair' as const), member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('doubt' as const), member }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('through' as const), member }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('arrive' as const), member, count: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fold' as const), member, count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const), member }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('roll' as const), member, back: fc.nat(6) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('mark' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
);

/** Three volumes, a near end that counts what happens to all of them, and three queues that get it later. */
class World {
  readonly members: Member[];
  /** What each volume held at each number. */
  readonly truth = new Map<number, number[]>();
  readonly marks = new Map<string, number>();
  #now: number[];
  #number = 0;
  #process = 0;
  #change = 0;
  moments = 0;

  constructor(count: number) {
    this.members = Array.from({ length: count }, (_, i) => new Member(i));
    this.#now = this.members.map(() => 0);
    this.#restart(true);
  }

  step(one: Op): void {
    const own = this.members['member' in one ? one.member % this.members.length : 0];
    const i = this.members.indexOf(own);
    switch (one.kind) {
      case 'change':
        this.#count();
        this.#now[i] = ++this.#change;
        this.truth.set(this.#number, [...this.#now]);
        own.taken = this.#change;
        own.dealt = this.#number;
        if (one.fate === 0) this.#miss(own);
        else {
          // A write of all there is makes the volume known again.
          if (one.fate === 1) own.missing = false;
          own.send(this.#entry());
        }
        break;
      case 'repair':
        own.missing = false;
        own.send({ ...this.#entry(), number: own.dealt });
        break;
      case 'doubt':
        own.missing = true;
        own.joined = false;
        own.send({ ...this.#entry(), number: own.dealt });
        break;
      case 'through':
        if (!own.joined) return;
        own.dealt = this.#number;
        own.way.push({ through: this.#number, process: this.#process });
        break;
      case 'arrive':
        for (let n = one.count; n >= 0; n--) own.arrive();
        break;
      case 'fold':
        own.fold(own.index.first + one.count);
        break;
      case 'break':
        this.#lose(own);
        break;
      case 'roll': {
        own.timeline.cutTo(Math.max(own.index.next - 1 - one.back, own.index.first - 1));
        own.index.cutTo(Math.max(own.index.next - 1 - one.back, own.index.first - 1));
        this.#lose(own);
        break;
      }
      case 'mark': {
        this.#count();
        const name = `m${this.marks.size}`;
        this.marks.set(name, this.#number);
        for (const each of this.members) {
          each.dealt = this.#number;
          each.send({ ...this.#entry(), mark: name });
        }
        break;
      }
      case 'restart':
        this.#restart(one.clean);
    }
  }

  check(): void {
    const group = new Group(this.members);
    const { oldest, newest, spans, bookmarks } = group.moments();
    if (!oldest || !newest) {
      assert.equal(spans.length, 0);
      return;
    }
    let last = -1;
    for (const { from, to, consistent } of spans) {
      assert.ok(from.sequence > last && to.sequence >= from.sequence, 'spans follow each other');
      last = to.sequence;
      for (const number of [from.sequence, to.sequence, Math.floor((from.sequence + to.sequence) / 2)]) {
        const moment = group.find({ sequence: number }, true);
        assert.equal(moment.consistent, consistent, `the moment ${number} is as its span`);
        if (consistent) this.#same(number, moment.sequences);
        else assert.throws(() => group.find({ sequence: number }, false), Fault);
      }
    }
    const best = group.lastConsistent();
    const consistent = spans.filter((span) => span.consistent).at(-1);
    assert.equal(best?.sequence, consistent?.to.sequence);
    for (const { name, sequence, sequences, consistent: sound } of bookmarks) {
      assert.equal(sequence, this.marks.get(name));
      if (sound) this.#same(sequence, sequences);
    }
    for (const time of [Number(oldest.at), Number(newest.at), Math.floor(this.#number / 2)])
      this.#checkTime(group, time);
  }

  /** The moment of a time holds of each volume nothing that is newer, and nothing that any queue has is left out. */
  #checkTime(group: Group, time: number): void {
    let found: ReturnType<Group['find']>;
    try {
      found = group.find({ time: BigInt(time) }, true);
    } catch (error) {
      assert.ok(error instanceof Fault);
      return;
    }
    assert.ok(found.at <= BigInt(time), `${found.at} is not after ${time}`);
    if (found.consistent) this.#same(found.sequence, found.sequences);
  }

  #same(number: number, sequences: readonly number[]): void {
    this.moments++;
    const held = sequences.map((sequence, i) => this.members[i].holds[sequence]);
    const key = Math.max(...[...this.truth.keys()].filter((one) => one <= number));
    assert.deepEqual(held, this.truth.get(key), `the moment ${number} is one of all volumes`);
  }

  #entry(): { process: number; number: number; at: number } {
    return { process: this.#process, number: this.#number, at: this.#number };
  }

  #count(): void {
    this.#number++;
    this.truth.set(this.#number, [...this.#now]);
  }

  #miss(own: Member): void {
    own.missing = true;
    own.joined = false;
  }

  /** What was on its way never arrives: the near end begins anew. */
  #lose(own: Member): void {
    own.way.length = 0;
    own.missing = true;
    own.joined = false;
    own.send({ ...this.#entry(), number: own.dealt });
  }

  /** Clean: everything had arrived, and the next process knows of what is missing. */
  #restart(clean: boolean): void {
    this.#process++;
    this.#number += 10;
    this.truth.set(this.#number, [...this.#now]);
    for (const each of this.members) {
      while (clean && each.way.length > 0) each.arrive();
      each.way.length = 0;
      each.missing ||= !clean;
      each.joined = false;
      each.dealt = this.#number;
      each.send(this.#entry());
    }
  }
}

describe('C5 moments of a consistency group', () => {
  it('hold of each volume its changes up to one place in the order of all, or say that they do not', () => {
    let moments = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.array(op, { minLength: 20, maxLength: 120 }), (count, ops) => {
        const world = new World(count);
        for (const one of ops) {
          world.step(one);
          world.check();
        }
        moments += world.moments;
      }),
      { numRuns: 250 },
    );
    assert.ok(moments > 2500, `${moments} moments were looked at`);
  });

  const two = (): [Member, Member] => [new Member(0), new Member(1)];
  const told = (own: Member, number: number, rest: Partial<Sent> = {}): void => {
    own.way.push({ process: 1, number, joined: true, consistent: true, at: number, holds: number, ...rest });
    own.arrive();
  };

  it('are known as far as the volume that is furthest behind, unless it said that nothing is missing', () => {
    const [a, b] = two();
    const numbers = () => {
      const { oldest, newest } = new Group([a, b]).moments();
      return [oldest?.sequence, newest?.sequence];
    };
    assert.deepEqual(numbers(), [undefined, undefined]);
    assert.match(new Group([a, b]).moments().why ?? '', /v0, v1: name the same group/);
    told(a, 5, { joined: false });
    told(b, 6, { joined: false });
    assert.deepEqual(numbers(), [undefined, undefined]);
    assert.match(new Group([a, b]).moments().why ?? '', /does not meet/);
    told(a, 9);
    assert.deepEqual(numbers(), [6, 6]);
    b.way.push({ process: 1, through: 12 });
    b.arrive();
    assert.deepEqual(numbers(), [6, 9]);
    told(a, 30);
    assert.deepEqual(numbers(), [6, 9]);
  });

  it('are inconsistent where one volume is, and the last good one is told', () => {
    const [a, b] = two();
    for (const one of [a, b]) told(one, 1, { joined: false });
    told(a, 2);
    told(b, 3);
    told(a, 4, { consistent: false, joined: false });
    told(b, 5);
    told(a, 6);
    told(b, 6);
    const group = new Group([a, b]);
    const spans = group.moments().spans.map(({ from, to, consistent }) => [from.sequence, to.sequence, consistent]);
    // Nobody knows whether what a missed before 4 came before 3.
    assert.deepEqual(spans, [
      [1, 2, true],
      [3, 5, false],
      [6, 6, true],
    ]);
    assert.throws(
      () => group.find({ sequence: 5 }, false),
      (error: unknown) =>
        error instanceof Fault && /not consistent at v0/.test(error.message) && /such as 6/.test(error.mend ?? ''),
    );
    assert.deepEqual(group.find({ sequence: 5 }, true).sequences, [3, 3]);
  });

  it('are found by a bookmark that stands at one place of all volumes, and by no other', () => {
    const [a, b] = two();
    for (const one of [a, b]) told(one, 1, { joined: false });
    for (const one of [a, b]) told(one, 2, { mark: 'both' });
    told(a, 3, { mark: 'one' });
    told(b, 4, { mark: 'apart' });
    told(a, 5, { mark: 'apart' });
    told(b, 5);
    const group = new Group([a, b]);
    assert.deepEqual(
      group.moments().bookmarks.map(({ name, sequence }) => [name, sequence]),
      [['both', 2]],
    );
    assert.equal(group.find({ mark: 'both' }, false).sequence, 2);
    // Named again by a mirror that had lost it: whatever the moment is, it is not the one that was meant.
    for (const one of [a, b]) told(one, 6, { mark: 'late', consistent: false });
    for (const one of [a, b]) told(one, 6);
    const later = new Group([a, b]);
    assert.equal(later.moments().newest?.consistent, true);
    assert.deepEqual(
      later.moments().bookmarks.map(({ name, consistent }) => [name, consistent]),
      [
        ['both', true],
        ['late', false],
      ],
    );
    assert.throws(() => later.find({ mark: 'late' }, false), /not consistent/);
    assert.throws(() => group.find({ mark: 'one' }, false), /at one moment of all volumes, but at v0/);
    assert.throws(() => group.find({ mark: 'apart' }, false), /but at v0, v1/);
    assert.throws(() => group.find({ sequence: 9 }, false), /no moment 9/);
  });
});
