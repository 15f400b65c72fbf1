import assert from 'node:assert/strict';
import type { Barrier, Change, Lease, LeaseRoom, LuId } from '../../src/base/change.ts';
import type { CommandView } from '../../src/base/command.ts';
import { Extents } from '../../src/base/extents.ts';
import { frameBatch } from '../../src/base/frames.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import type { ReadWatch } from '../../src/base/reads.ts';
import type { LuFacts } from '../../src/base/sink.ts';
import type { LuClaim } from '../../src/snoop/lu/directory.ts';
import { Snoop } from '../../src/snoop/snoop.ts';
import type { Bytes, Wire } from './link.ts';

/** Lends leases in odd parts, as a room without a contiguous run does, and counts what is not given back. */
export class TestRoom implements LeaseRoom {
  readonly full = false;
  readonly lent = new Set<Lease>();
  /** Bytes it lends at most, over all leases. */
  bytesMax = Number.POSITIVE_INFINITY;
  #bytes = 0;

  take(bytes: number): Lease | undefined {
    if (this.#bytes + bytes > this.bytesMax || bytes > 1 << 26) return undefined;
    const first = Math.floor(bytes / 3);
    const parts = [new Uint8Array(first).fill(0xaa), new Uint8Array(bytes - first).fill(0xbb)];
    const lease = { parts, bytes };
    this.#bytes += bytes;
    this.lent.add(lease);
    return lease;
  }

  give(lease: Lease): void {
    assert.ok(this.lent.delete(lease), 'a lease was given back twice');
    this.#bytes -= lease.bytes;
    for (const part of lease.parts) part.fill(0xcc);
  }
}

/** What a mirror of one LU would be after the changes so far: bytes, and blocks that it is not known to have. */
export class Model {
  readonly blockSize: number;
  readonly unresolved = new Extents();
  wholeDoubts = 0;
  private bytes = new Uint8Array(0);

  constructor(blockSize: number) {
    this.blockSize = blockSize;
  }

  apply(change: Change): void {
    if (change.pieces === 'wholeLu') {
      this.wholeDoubts++;
      this.unresolved.add(0, Number.MAX_SAFE_INTEGER);
      return;
    }
    for (const { offset, length, payload } of change.pieces) {
      const [from, to] = [offset / this.blockSize, (offset + length) / this.blockSize];
      if (payload === 'lbnOnly') {
        assert.ok(Number.isInteger(from) && Number.isInteger(to), 'LBN-only pieces are whole blocks');
        this.unresolved.add(from, to);
        continue;
      }
      if (isOr(payload)) {
        this.or(offset, length, payload.or);
        continue;
      }
      this.grow(offset + length);
      if (payload === 'zeros') this.bytes.fill(0, offset, offset + length);
      else if (isFill(payload))
        for (let at = 0; at < length; at += payload.fill.length) this.bytes.set(payload.fill, offset + at);
      else {
        assert.equal(
          payload.reduce((n, part) => n + part.length, 0),
          length,
          'a piece has as many bytes as it says',
        );
        let at = offset;
        for (const part of payload) {
          this.bytes.set(part, at);
          at += part.length;
        }
      }
      this.unresolved.remove(Math.ceil(from), Math.max(Math.ceil(from), Math.floor(to)));
    }
  }

  /** Bytes of `blocks` blocks from `lbn`; zeros where nothing was written. */
  read(lbn: number, blocks: number): Bytes {
    const out = new Uint8Array(blocks * this.blockSize);
    out.set(this.bytes.subarray(lbn * this.blockSize, (lbn + blocks) * this.blockSize));
    return out;
  }

  private or(offset: number, length: number, parts: readonly Bytes[]): void {
    this.grow(offset + length);
    let at = offset;
    for (const part of parts) for (const byte of part) this.bytes[at++] |= byte;
    assert.equal(at, offset + length);
  }

  private grow(size: number): void {
    if (size <= this.bytes.length) return;
    const bigger = new Uint8Array(size);
    bigger.set(this.bytes);
    this.bytes = bigger;
  }
}

export interface RunOptions {
  volumes?: readonly LuClaim[];
  settleMs?: number;
  reorder?: { ms: number; bytes: number };
  room?: TestRoom;
  /** Frames of a batch: buffers are taken back after each. */
  batch?: number;
  /** Frames that are left out. */
  without?: (frame: number) => boolean;
  /** Initiator names of the unit itself. */
  own?: readonly string[];
  /** The capture begins on a bus that has gone on before. */
  joins?: boolean;
  reads?: ReadWatch;
}

/** Everything that a snoop found in a capture. */
export class Findings {
  readonly changes: Change[] = [];
  readonly barriers: Barrier[] = [];
  readonly commands: CommandView[] = [];
  readonly notices: string[] = [];
  readonly facts: LuFacts[] = [];
  readonly models = new Map<LuId, Model>();
  /** Where commands were about to write, in bytes: [offset, length], up to 2^53-1 for a whole LU. */
  readonly intents = new Map<LuId, [number, number][]>();
  holeBytes = 0;

  model(lu: LuId): Model {
    const model = this.models.get(lu);
    assert.ok(model !== undefined, `${lu} has no model`);
    return model;
  }

  /** Unresolved blocks as [lbn, blocks]; `whole` where the LU is. */
  doubt(lu: LuId): [number, number][] | 'whole' {
    const ranges = this.model(lu).unresolved.toRanges();
    return ranges.length === 1 && ranges[0][1] === Number.MAX_SAFE_INTEGER ? 'whole' : ranges;
  }

  /** Reasons of all doubtful changes. */
  get doubts(): string[] {
    return this.changes.flatMap((change) => change.doubt ?? []);
  }

  noticed(words: RegExp): boolean {
    return this.notices.some((notice) => words.test(notice));
  }
}

/** What a command wrote with data was said before: an inline unit marks its record by it. */
function assertIntended(change: Change, intents: readonly [number, number][]): void {
  if (change.pieces === 'wholeLu') return;
  for (const { offset, length, payload } of change.pieces) {
    if (payload === 'lbnOnly') continue;
    const said = intents.some(([from, bytes]) => from <= offset && offset + length <= from + bytes);
    assert.ok(said, `${length} bytes at ${offset} were written without an intent`);
  }
}

/** Feeds every frame of `wire` to a snoop, applies what comes out to models, and ends the source. */
export function run(wire: Wire, options: RunOptions = {}): Findings {
  const found = new Findings();
  const { volumes = [], room = new TestRoom(), batch = 64, without = () => false } = options;
  for (const { lu, blockSize = 512 } of volumes) found.models.set(lu, new Model(blockSize));
  let seq = 0;
  const snoop = new Snoop({
    room,
    volumes,
    settleMs: options.settleMs ?? 30_000,
    own: options.own ?? [],
    joins: options.joins ?? false,
    ...(options.reads === undefined ? {} : { reads: options.reads }),
    ...(options.reorder === undefined ? {} : { reorder: options.reorder }),
    sink: {
      intent: (lu, offset, length) => {
        const intents = found.intents.get(lu) ?? [];
        found.intents.set(lu, intents);
        intents.push([offset, length]);
      },
      change: (change) => {
        assert.ok(change.seq > seq, 'sequence numbers rise');
        assertIntended(change, found.intents.get(change.lu) ?? []);
        seq = change.seq;
        const model = found.models.get(change.lu);
        model?.apply(change);
        found.changes.push(change);
        if (change.lease !== undefined) room.give(change.lease);
      },
      barrier: (barrier) => {
        assert.ok(barrier.seq > seq, 'sequence numbers rise');
        seq = barrier.seq;
        found.barriers.push(barrier);
      },
      command: (view) => found.commands.push({ ...view }),
      hole: (view) => {
        found.holeBytes += view.bytes;
      },
      facts: (facts) => found.facts.push(facts),
      notice: (text) => found.notices.push(text),
    },
  });
  const frames = wire.frames.filter((_, i) => !without(i + 1));
  for (let from = 0; from < frames.length; from += batch) {
    const some = frames.slice(from, from + batch);
    const run = frameBatch(new Uint8Array(some.reduce((n, f) => n + f.captured, 0)), some.length);
    let at = 0;
    for (const [i, { bytes, captured, at: time }] of some.entries()) {
      run.bytes.set(bytes.subarray(0, captured), at);
      run.offset[i] = at;
      run.captured[i] = captured;
      run.wire[i] = bytes.length;
      run.seconds[i] = 1_700_000_000 + Math.floor(time / 1e9);
      run.nanos[i] = time % 1e9;
      run.link[i] = 1;
      at += captured;
    }
    run.count = some.length;
    assert.equal(snoop.consume(run, 0, some.length), some.length);
    snoop.beforeReuse(run.bytes);
    run.bytes.fill(0xee);
  }
  snoop.finish();
  assert.equal(room.lent.size, 0, 'every lease was given back');
  return found;
}
