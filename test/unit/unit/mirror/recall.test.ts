import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SPILL_UNIT } from '../../../../hw/spillSpace.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import type { Change, Payload, Piece } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import { LinkCopyOut } from '../../../../src/unit/mirror/recall.ts';
import { MemoryVolume } from '../../../sim/memoryVolume.ts';
import { random as randomOf } from '../../../sim/random.ts';
import { LocalMirror, leaves, memorySpill, overlaps, ticks } from './recallModel.ts';

const BLOCK = 512;
const BLOCKS = 96;
const BYTES = BLOCK * BLOCKS;
const KIB = 1024;

interface Trouble {
  /** Bytes of temporary storage. */
  spill: number;
  /** One in so many steps something fails; 0 for never. */
  fails: number;
  losses: boolean;
}

function someBytes(length: number, random: (below: number) => number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += BLOCK) bytes.fill(1 + random(255), at, at + BLOCK);
  return bytes;
}

/** A run of a bus, a local mirror, a link that is behind, and everything that can come between them. */
class Run {
  readonly random: (below: number) => number;
  readonly trouble: Trouble;
  readonly first = new Uint8Array(BYTES);
  readonly local = new MemoryVolume(new Uint8Array(BYTES));
  /** The same bytes: a read whose answer nobody needs any more holds no write back. */
  readonly reads = Object.assign(new MemoryVolume(this.local.bytes), { losses: 0 });
  readonly spill: ReturnType<typeof memorySpill>;
  readonly notices: string[] = [];
  readonly copyOut: LinkCopyOut;
  readonly mirror: LocalMirror;
  /** Changes that the link has lost and not recalled yet. */
  readonly waiting: Change[] = [];
  readonly recalls = new Set<Promise<void>>();
  /** Dropped while they were being recalled. */
  readonly #dropped = new Set<number>();
  losses = 0;
  seq = 0;
  recalled = 0;
  wrong: Error | undefined;

  constructor(seed: number, trouble: Trouble) {
    this.random = randomOf(seed);
    this.trouble = trouble;
    this.spill = memorySpill(trouble.spill);
    this.copyOut = new LinkCopyOut({
      name: 'link',
      volume: this.reads,
      spill: this.spill,
      notice: (text) => this.notices.push(text),
      losses: () => this.losses,
      memoryBytes: 16 * KIB,
    });
    this.mirror = new LocalMirror(this.local, this.copyOut);
  }

  step(): void {
    const { random, trouble } = this;
    if (trouble.fails > 0 && random(trouble.fails) === 0) this.#fail();
    switch (random(10)) {
      case 0:
      case 1:
        this.#push();
        break;
      case 2:
      case 3:
        for (let n = random(4); n > 0; n--) this.mirror.go();
        break;
      case 4:
      case 5:
      case 6:
        for (let n = random(4); n > 0; n--) this.#end(random(2) === 0 ? this.local : this.reads);
        break;
      case 7:
        for (let n = random(4); n > 0; n--) this.#end(this.spill.medium);
        break;
      case 8:
        if (random(3) === 0) this.#copy();
        break;
      case 9:
        if (random(3) === 0 && this.recalls.size < 3) this.recall();
        break;
    }
  }

  /** Everything that can still happen happens; what then is not done never will be. */
  async finish(): Promise<void> {
    this.local.failure = undefined;
    this.reads.unreadable.length = 0;
    this.spill.medium.failure = undefined;
    this.mirror.broken = false;
    if (this.wrong) throw this.wrong;
    for (let [quiet, rounds] = [0, 0]; quiet < 3; rounds++) {
      assert.ok(rounds < 5000, 'it comes to an end');
      // A recall that finds everything lost ends without a read: it is a move of its own.
      const waiting = this.waiting.length;
      while (this.recalls.size < 3 && this.waiting.length > 0) this.recall();
      let moved = this.mirror.go() || this.waiting.length < waiting;
      moved = this.local.end() || moved;
      moved = this.reads.end() || moved;
      moved = this.spill.medium.end() || moved;
      await ticks();
      quiet = moved ? 0 : quiet + 1;
    }
    if (this.wrong) throw this.wrong;
    assert.ok(this.mirror.idle, 'the local mirror is not held back for ever');
    assert.deepEqual([this.waiting.length, this.recalls.size], [0, 0], 'every recall ends');
    assert.equal(this.spill.usedBytes, 0);
    assert.equal(this.copyOut.report.entries, 0);
    await this.copyOut.close();
  }

  recall(): void {
    const change = this.waiting.shift();
    if (!change) return;
    const { random } = this;
    if (random(12) === 0) {
      this.copyOut.drop(change.seq);
      return;
    }
    const pieces = change.pieces as readonly Piece[];
    const asked = random(6) === 0 ? pieces.filter(() => random(2) === 0) : pieces;
    const recall = this.#recall(change, asked);
    this.recalls.add(recall);
    recall
      .catch((error: Error) => {
        this.wrong ??= error;
      })
      .finally(() => this.recalls.delete(recall));
    if (random(20) > 0) return;
    this.#dropped.add(change.seq);
    this.copyOut.drop(change.seq);
  }

  async #recall(change: Change, asked: readonly Piece[]): Promise<void> {
    const got = await this.copyOut.recall(change.seq, asked);
    const left = leaves(change.pieces as readonly Piece[], BYTES);
    const twice = overlaps(change.pieces as readonly Piece[], BYTES);
    const known = leaves(got, BYTES);
    const wanted = new Uint8Array(BYTES);
    for (const { offset, length } of asked) wanted.fill(1, offset, offset + length);
    let end = 0;
    for (const { offset, length } of got) {
      assert.ok(offset >= end && length > 0, 'sorted, without overlap');
      end = offset + length;
    }
    let missing = false;
    for (let at = 0; at < BYTES; at++) {
      if (known[at] < 0) missing ||= wanted[at] > twice[at] && left[at] >= 0;
      else if (wanted[at] === 0 || known[at] !== left[at]) assert.fail(`byte ${at} of change ${change.seq}`);
    }
    if (got.length > 0) this.recalled++;
    if (!missing) return;
    const excused = this.mirror.notWritten.has(change.seq) || this.notices.length > 0 || this.#dropped.has(change.seq);
    assert.ok(excused, `change ${change.seq} came back whole, or something was told`);
  }

  #end(volume: MemoryVolume): void {
    volume.end(this.random(Math.max(1, volume.pending.length)));
  }

  #push(): void {
    const { random } = this;
    const pieces: Piece[] = [];
    for (let n = 1 + random(8) / 6; n >= 1; n--) {
      // Neighbours go to temporary storage together where their lengths are whole units of it.
      const grain = random(2) === 0 ? BLOCK : SPILL_UNIT;
      const offset = random(BYTES / grain) * grain;
      const length = Math.min((1 + random(random(4) === 0 ? 48 : 6)) * grain, BYTES - offset);
      // Now and then only a part of a block.
      const skip = random(8) === 0 ? random(BLOCK) : 0;
      pieces.push({ offset: offset + skip, length: length - skip, payload: this.#payload(length - skip) });
    }
    const change: Change = { seq: ++this.seq, at: 0n, lu: 'target/0', pieces, fua: false };
    const left = leaves(pieces, BYTES);
    for (let at = 0; at < BYTES; at++) if (left[at] !== -1) this.first[at] = left[at] < 0 ? 77 : left[at];
    if (random(3) > 0) {
      this.copyOut.refer(change);
      this.waiting.push(change);
    }
    this.mirror.push(change);
  }

  #payload(length: number): Payload {
    const { random } = this;
    switch (random(12)) {
      case 0:
        return 'zeros';
      case 1:
        return length % BLOCK === 0 ? { fill: someBytes(BLOCK, random) } : 'zeros';
      case 2:
        return 'lbnOnly';
      case 3:
        return { or: [someBytes(length, random)] };
      case 4:
        return length > BLOCK
          ? [someBytes(BLOCK, random), someBytes(length - BLOCK, random)]
          : [someBytes(length, random)];
      default:
        return [someBytes(length, random)];
    }
  }

  #copy(): void {
    const { random, first } = this;
    const offset = random(BLOCKS) * BLOCK;
    const end = Math.min(offset + (1 + random(16)) * BLOCK, first.length);
    this.mirror.copy(offset, copyOf(first, offset, end));
  }

  #fail(): void {
    const { random, local, reads, spill, mirror } = this;
    const fault = new Fault('local', 'it failed');
    switch (random(8)) {
      case 0:
        local.failure = fault;
        break;
      case 1:
      case 2:
        local.failure = undefined;
        mirror.broken = false;
        break;
      case 3:
        spill.medium.failure = fault;
        break;
      case 4:
        spill.medium.failure = undefined;
        break;
      case 5:
        reads.unreadable.push([random(BLOCKS) * BLOCK, BYTES]);
        break;
      case 6:
        reads.unreadable.length = 0;
        break;
      case 7:
        if (this.trouble.losses) {
          if (random(2) === 0) this.losses++;
          else reads.losses++;
          local.bytes.fill(0xee, 0, (1 + random(BLOCKS)) * BLOCK);
        }
        break;
    }
  }
}

async function runAll(seed: number, trouble: Trouble): Promise<Run> {
  const run = new Run(seed, trouble);
  for (let n = 0; n < 300; n++) {
    run.step();
    if (n % 2 === 0) await ticks();
  }
  await run.finish();
  return run;
}

/** One seed is not simpler than another. */
const seeds = fc.noShrink(fc.integer({ min: 0, max: 0xffff_ffff }));

describe('C4 copy-out', () => {
  it('brings back every change as it was written, in any order of events, while nothing fails', async () => {
    let [recalled, spilled] = [0, 0];
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const run = await runAll(seed, { spill: 1 << 22, fails: 0, losses: false });
        assert.deepEqual(run.notices, []);
        assert.equal(run.copyOut.report.lostBytes, 0);
        recalled += run.recalled;
        spilled += run.copyOut.report.spilledBytes;
      }),
      { numRuns: 60 },
    );
    assert.ok(recalled > 500 && spilled > 1 << 19, `${recalled} recalled, ${spilled} bytes spilled`);
  });

  it('leaves out what a short or failing temporary storage or local mirror lost, and nothing is ever wrong', async () => {
    const trouble = fc.noShrink(
      fc.record({
        spill: fc.oneof(fc.constant(0), fc.nat(256 * KIB)),
        fails: fc.constantFrom(0, 10, 40),
        losses: fc.boolean(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(seeds, trouble, async (seed, one) => {
        await runAll(seed, one);
      }),
      { numRuns: 80 },
    );
  });
});
