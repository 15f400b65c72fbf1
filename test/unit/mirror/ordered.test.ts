import assert from 'node:assert/strict';
import type { Change, Lease, Piece } from '../../../src/base/change.ts';
import { Extents } from '../../../src/base/extents.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { OrderedEntry } from '../../../src/base/ordered.ts';
import { Ring } from '../../../src/buffer/ring.ts';
import { OrderedMirror, type OrderedMirrorOptions } from '../../../src/mirror/ordered.ts';
import type { UnderWay } from '../../../src/mirror/orderedHorizon.ts';
import type { OrderedInput, OrderedRequest } from '../../../src/mirror/orderedRequests.ts';
import { Unresolved } from '../../../src/record/unresolved.ts';

const SIZE = 64 * 512;
const LU = 'iqn.test/0';

type Append = Extract<OrderedRequest, { kind: 'append' }>;

class Bench {
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

function nameOf(entry: OrderedEntry): string {
  if (entry.kind === 'mark') return entry.name;
  if (entry.kind === 'state') return 'state';
  const at = entry.pieces.map(({ offset, length }) => `${offset / 512}+${length / 512}`);
  return `${entry.kind} ${at.join(' ')}`;
}

function data(lbn: number, blocks = 1): Piece {
  return { offset: lbn * 512, length: blocks * 512, payload: [new Uint8Array(blocks * 512)] };
}

function only(lbn: number, blocks = 1): Piece {
  return { offset: lbn * 512, length: blocks * 512, payload: 'lbnOnly' };
}

describe('C1 C4 D1 OrderedMirror', () => {
  it('begins with what it is, and appends each change at once, in order', () => {
    const bench = new Bench();
    bench.push(data(3, 2));
    bench.push(data(4));
    bench.mark('here');
    assert.deepEqual(bench.told(), ['state!', 'change 3+2!', 'change 4+1!', 'here!']);
    assert.equal(bench.mirror.state, 'behind');
    bench.durable(2);
    assert.equal(bench.given.length, 1, 'a lease goes back when its entry is durable');
    bench.durable();
    assert.equal(bench.mirror.state, 'equal');
    assert.equal(bench.mirror.writtenBytes, 3 * 512);
  });

  it('bounds the bytes under way, but for one entry', () => {
    const bench = new Bench({ inFlightBytes: 1024 });
    bench.durable();
    for (const lbn of [1, 2, 3]) bench.push(data(lbn));
    bench.push(data(8, 8));
    assert.deepEqual(bench.told(), ['state!', 'change 1+1!', 'change 2+1!']);
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 3+1!']);
    bench.durable(2);
    assert.deepEqual(bench.told(), ['change 8+8!']);
  });

  it('makes two entries of a change whose pieces overlap, the first of them not consistent', () => {
    const bench = new Bench();
    bench.push(data(8), data(2, 4), data(4));
    assert.deepEqual(bench.told(), ['state!', 'change 8+1 2+4', 'change 4+1!']);
  });

  it('appends nothing before data that was lost has been recalled, and asks ahead for that of later entries', () => {
    const bench = new Bench({ bytes: 512 });
    bench.push(data(1));
    bench.push(data(2), { offset: 20 * 512, length: 512, payload: 'zeros' });
    bench.push(data(3, 2));
    assert.deepEqual(bench.told(), ['state!', 'change 1+1!']);
    const recalls = bench.requests.filter((request) => request.kind === 'recall');
    assert.deepEqual(
      recalls.map(({ seq, pieces }) => [seq, pieces.length]),
      [
        [2, 1],
        [3, 1],
      ],
      'zeros need nobody',
    );
    bench.step({ kind: 'recalled', id: recalls[1].id, pieces: [data(3, 2)] });
    assert.deepEqual(bench.told(), []);
    bench.step({ kind: 'recalled', id: recalls[0].id, pieces: [data(2)] });
    assert.deepEqual(bench.told(), ['change 2+1 20+1!', 'change 3+2!']);
  });

  it('what could not be recalled is not known from there on', () => {
    const bench = new Bench({ bytes: 0 });
    bench.push(data(3, 3));
    const { id } = bench.last('recall');
    bench.step({ kind: 'recalled', id, pieces: [data(4)] });
    assert.deepEqual(bench.told(), ['state!', 'change 4+1']);
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [
      [3 * 512, 512],
      [5 * 512, 512],
    ]);
  });

  it('reads back what nobody knows, and is consistent when that is in', () => {
    const bench = new Bench();
    bench.push(only(5, 2));
    assert.deepEqual(bench.told(), ['state!', 'state']);
    bench.step({ kind: 'resolve', limit: SIZE });
    assert.equal(bench.mirror.state, 'repairing');
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+2', 'state!']);
    assert.ok(!bench.record.isEmpty, 'until it is durable');
    bench.durable();
    assert.ok(bench.record.isEmpty);
    assert.equal(bench.mirror.state, 'equal');
  });

  it('takes what was written since out of a copy', () => {
    const bench = new Bench();
    bench.push(only(5, 3));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.push(data(6));
    bench.copied();
    assert.deepEqual(bench.told().slice(2), ['change 6+1', 'copy 5+1 7+1', 'state!']);
  });

  it('a copy of what came to be unknown once more proves nothing', () => {
    const bench = new Bench();
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    const first = bench.last('copy');
    bench.push(only(5));
    bench.step({ kind: 'copied', id: first.id, pieces: [data(5)] });
    assert.deepEqual(bench.told(), ['state!', 'state']);
    assert.notEqual(bench.last('copy').id, first.id, 'it is read again');
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 5+1', 'state!']);
  });

  it('entries that were pushed before a read ended come before the mirror is consistent', () => {
    const bench = new Bench({ inFlightBytes: 512 });
    bench.push(only(5), data(9));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.durable();
    const copy = bench.last('copy');
    bench.push(data(1));
    bench.push(data(2));
    bench.push(data(3));
    bench.told();
    bench.step({ kind: 'copied', id: copy.id, pieces: [] });
    assert.deepEqual(bench.told(), [], 'what was read may hold the effect of the three');
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 2+1']);
    bench.durable(1);
    assert.deepEqual(bench.told(), ['change 3+1!']);
  });

  it('a write that was under way when a copy was read comes before the mirror is consistent', () => {
    const bench = new Bench();
    const bytes = new Extents();
    bytes.add(5 * 512, 6 * 512);
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.underWay = { tasks: 1, bytes };
    bench.copied();
    bench.push(data(1));
    assert.deepEqual(bench.told().slice(2), ['copy 5+1', 'change 1+1']);
    bench.underWay = { tasks: 0, bytes: new Extents() };
    bench.push(data(5));
    assert.deepEqual(bench.told(), ['change 5+1', 'state!']);
  });

  it('a write under way elsewhere does not matter; where nobody knows what it writes, it does', () => {
    for (const known of [true, false]) {
      const bench = new Bench();
      const bytes = new Extents();
      bytes.add(0, 512);
      bench.push(only(5));
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.underWay = { tasks: 1, bytes: known ? bytes : undefined };
      bench.copied();
      assert.deepEqual(bench.told().slice(2), known ? ['copy 5+1', 'state!'] : ['copy 5+1']);
    }
  });

  it('at a tap a look at what is under way waits until everything on the bus has been pushed', () => {
    const bench = new Bench({ settles: true });
    bench.push(only(5));
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    bench.durable();
    assert.deepEqual(bench.told().slice(2), ['copy 5+1']);
    assert.equal(bench.mirror.idle, false);
    bench.step({ kind: 'done', id: bench.last('settle').id });
    assert.deepEqual(bench.told(), ['state!']);
  });

  it('begins inconsistent where its record names something', () => {
    const bench = new Bench({ before: (record) => record.add(0, 512, 'unseen') });
    bench.push(data(9));
    bench.push(data(0));
    assert.deepEqual(bench.told(), ['state', 'change 9+1', 'change 0+1!']);
    bench.durable(2);
    assert.ok(!bench.record.isEmpty);
    bench.durable();
    assert.ok(bench.record.isEmpty);
  });

  it('an entry that fails breaks it: what was under way and what comes is in the record, and named after it was mended', () => {
    const bench = new Bench();
    bench.push(data(1));
    bench.push(data(2));
    const [, one, two] = bench.appends.splice(0);
    bench.step({ kind: 'failed', id: one.id, fault: new Fault('peer', 'lost'), source: false });
    assert.equal(bench.mirror.state, 'broken');
    bench.push(data(3));
    bench.mark('then');
    assert.equal(bench.given.length, 2, 'what is under way keeps its data until it is answered');
    bench.step({ kind: 'failed', id: two.id, fault: new Fault('peer', 'lost'), source: false });
    assert.equal(bench.given.length, 3);
    bench.told();
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [[512, 3 * 512]]);
    bench.step({ kind: 'mended', bytes: SIZE });
    bench.mark('now');
    assert.deepEqual(bench.told(), ['state', 'then', 'now']);
    bench.step({ kind: 'resolve', limit: SIZE });
    bench.copied();
    assert.deepEqual(bench.told(), ['copy 1+3', 'state!']);
  });

  it('a backlog that had to be given up is in doubt after what was taken before, its bookmarks with it', () => {
    const bench = new Bench({ inFlightBytes: 512 });
    bench.durable();
    for (let lbn = 0; lbn < 3; lbn++) bench.push(data(lbn));
    bench.mark('lost');
    for (let lbn = 3; lbn < 66; lbn++) bench.push(data(lbn % 60));
    assert.deepEqual(bench.told(), ['state!', 'change 0+1!']);
    bench.durable();
    assert.deepEqual(bench.told().slice(0, 3), ['change 1+1!', 'lost', 'change 5+1']);
  });

  it('grows at once where the far end is shorter than the volume; where that fails it is paused and says so', () => {
    const bench = new Bench({ size: 32 * 512 });
    const { id, bytes } = bench.last('grow');
    assert.equal(bytes, SIZE);
    bench.push(data(1));
    assert.deepEqual(bench.told(), [], 'nothing overtakes the growth');
    bench.step({ kind: 'failed', id, fault: new Fault('peer', 'no room at the far end'), source: false });
    assert.equal(bench.mirror.state, 'paused');
    assert.match(bench.last('notice').text, /is paused: the volume grew to 32768 bytes and the mirror holds 16384/);
    bench.step({ kind: 'size', bytes: SIZE });
    assert.deepEqual(bench.told(), ['state']);
    assert.deepEqual(bench.record.below(SIZE).toRanges(), [
      [512, 512],
      [32 * 512, 32 * 512],
    ]);
  });

  it('a write that reaches beyond its end breaks it', () => {
    const bench = new Bench();
    bench.push(data(64));
    assert.match(bench.last('notice').text, /is too small: it holds 32768 bytes, a write on the bus reaches to 33280/);
  });

  it('grows before it is given what lies there', () => {
    const bench = new Bench();
    bench.durable();
    bench.step({ kind: 'facts', blockSize: 512, capacity: SIZE + 512 });
    bench.push(data(64));
    bench.told();
    const { id, bytes } = bench.last('grow');
    assert.equal(bytes, SIZE + 512);
    bench.step({ kind: 'done', id });
    assert.deepEqual(bench.told(), ['change 64+1!']);
  });

  describe('C2 bookmarks on a quiet bus', () => {
    const waiting = (): Bench => {
      const bench = new Bench({ markPatienceNs: 100n });
      bench.push(only(5));
      bench.mark('here');
      bench.told();
      return bench;
    };

    it('wait for what is being read back', () => {
      const bench = waiting();
      bench.mark('again');
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.copied();
      assert.deepEqual(bench.told(), ['copy 5+1', 'here!', 'again!']);
    });

    it('do not wait once something stands behind them', () => {
      const bench = waiting();
      bench.push(data(1));
      assert.deepEqual(bench.told(), ['here', 'change 1+1']);
    });

    it('wait for a doubt that no command told as well', () => {
      const bench = waiting();
      bench.ring.push({ seq: 9, at: 9n, lu: LU, pieces: [only(6)], fua: false, doubt: 'aborted', late: true });
      bench.step({ kind: 'more' });
      assert.deepEqual(bench.told(), []);
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.copied();
      assert.deepEqual(bench.told(), ['copy 5+2', 'here!']);
    });

    it('are named again, as not consistent, where the far end has lost them', () => {
      const bench = new Bench();
      bench.mark('kept');
      bench.durable();
      bench.mark('first');
      bench.mark('second');
      bench.told();
      const fault = new Fault('peer', 'the far end is another one');
      bench.step({ kind: 'failed', id: bench.appends[0].id, fault, source: false });
      bench.appends.length = 0;
      bench.mark('third');
      bench.step({ kind: 'mended', bytes: SIZE });
      assert.deepEqual(
        bench.told().filter((name) => !name.startsWith('state')),
        ['first', 'second', 'third'],
      );
    });

    it('lose their patience', () => {
      const bench = waiting();
      bench.clock = 99n;
      bench.step({ kind: 'more' });
      assert.deepEqual(bench.told(), []);
      bench.clock = 100n;
      bench.step({ kind: 'more' });
      assert.deepEqual(bench.told(), ['here']);
    });

    it('wait for nothing when the unit stops', () => {
      const bench = waiting();
      bench.step({ kind: 'hurry' });
      assert.deepEqual(bench.told(), ['here']);
    });
  });

  describe('D3 of a mirror', () => {
    const upstream = { consistent: false, at: 7n };

    it('begins as that says of itself, and has the times of what was taken', () => {
      const bench = new Bench({ upstream });
      bench.clock = 1000n;
      bench.durable();
      bench.say(true, data(1));
      bench.say(false);
      bench.say(undefined, data(2));
      bench.say(true, data(3));
      assert.deepEqual(bench.told(), ['state', 'change 1+1!', 'state', 'change 2+1', 'change 3+1!']);
      assert.deepEqual(
        bench.entries.map(({ at }) => at),
        [7n, 1n, 7n, 3n, 4n],
      );
    });

    it('is level with what it says where that was taken, however it was copied', () => {
      const bench = new Bench({ upstream: { consistent: true, at: 0n } });
      bench.say(true, only(5));
      bench.say(false, data(1));
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.copied();
      assert.deepEqual(bench.told(), ['state!', 'state', 'change 1+1', 'copy 5+1']);
      bench.say(true);
      assert.deepEqual(bench.told(), ['state!']);
    });

    it('a bookmark says what that said with it, and waits for nothing else', () => {
      const bench = new Bench({ upstream, markPatienceNs: 100n });
      bench.mark('none', false);
      bench.mark('one', true);
      bench.durable();
      assert.deepEqual(bench.told(), ['state', 'none', 'one!']);
    });

    it('knows what a backlog said last that was given up', () => {
      const bench = new Bench({ upstream: { consistent: true, at: 0n }, inFlightBytes: 512 });
      bench.durable();
      // One is under way, one taken ahead.
      bench.say(true, data(0));
      bench.say(true, data(0));
      for (let n = 0; n < 64; n++) bench.say(false, data(1));
      bench.say(undefined, data(2));
      bench.durable();
      bench.step({ kind: 'resolve', limit: SIZE });
      bench.copied();
      bench.durable();
      assert.ok(bench.record.isEmpty);
      assert.equal(bench.mirror.consistent, false);
      bench.say(true);
      assert.equal(bench.mirror.consistent, true);
    });

    it('knows what was said while it was broken', () => {
      const bench = new Bench({ upstream: { consistent: true, at: 0n } });
      bench.durable();
      bench.step({ kind: 'broken', fault: new Fault('peer', 'refused') });
      bench.say(false);
      bench.step({ kind: 'mended', bytes: SIZE });
      bench.durable();
      assert.deepEqual(bench.told(), ['state!', 'state']);
    });
  });
});
