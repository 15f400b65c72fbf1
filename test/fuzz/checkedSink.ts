import assert from 'node:assert/strict';
import type { Barrier, Change, Piece } from '../../src/base/change.ts';
import type { CommandView } from '../../src/base/command.ts';
import { isFill, isOr } from '../../src/base/payload.ts';
import type { HoleView, LuFacts, SnoopSink } from '../../src/base/sink.ts';
import type { Room } from '../../src/buffer/room.ts';
import type { LuClaim } from '../../src/snoop/lu/directory.ts';
import { MirrorModel } from './mirrorModel.ts';

/** Takes what a snoop finds, asserts that it is well formed, and gives every lease back at once. */
export class CheckedSink implements SnoopSink {
  readonly mirrors = new Map<string, MirrorModel>();
  /** Calls of any kind: what bounds the work. */
  calls = 0;
  holes = 0;
  readonly #facts = new Map<string, LuFacts>();
  /** LUs that were written beyond their capacity: what is told of it then is a lower bound. */
  readonly #grown = new Set<string>();
  readonly #room: Room | undefined;
  readonly #applies: boolean;
  #seq = 0;

  constructor(room: Room | undefined, applies: boolean, claims: readonly LuClaim[]) {
    this.#room = room;
    for (const { lu, blockSize = 0, blocks = 0 } of claims)
      this.#facts.set(lu, { lu, blockSize, blocks, designators: [] });
    this.#applies = applies;
  }

  command(view: CommandView): void {
    this.calls++;
    assert.ok(view.frame > 0 && view.lbn >= -2 && view.blocks >= -2, 'a command with nonsense in it');
    assert.ok(view.queueDepth >= 0, `queue depth ${view.queueDepth}`);
    assert.ok(view.dataIn >= 0 && view.dataOut >= 0, 'negative data');
  }

  hole(view: HoleView): void {
    this.calls++;
    this.holes++;
    assert.ok(view.bytes > 0 && view.bytes <= 0x7fffffff, `a hole of ${view.bytes} bytes`);
  }

  facts(facts: LuFacts): void {
    this.calls++;
    assert.ok(Number.isSafeInteger(facts.blockSize) && facts.blockSize >= 0, `block size ${facts.blockSize}`);
    assert.ok(Number.isSafeInteger(facts.blocks) && facts.blocks >= 0, `${facts.blocks} blocks`);
    assert.ok(Number.isSafeInteger(facts.blocks * facts.blockSize), 'a capacity above 2^53-1');
    this.#facts.set(facts.lu, { ...facts });
  }

  notice(text: string): void {
    this.calls++;
    assert.ok(text.length < 4096, 'an endless notice');
    const grown = /^(\S+): written beyond its capacity/.exec(text);
    if (grown !== null) this.#grown.add(grown[1]);
  }

  barrier(barrier: Barrier): void {
    this.calls++;
    this.#rises(barrier.seq);
  }

  change(change: Change): void {
    this.calls++;
    this.#rises(change.seq);
    if (change.pieces !== 'wholeLu') this.#pieces(change);
    if (this.#applies) this.#apply(change);
    if (change.lease !== undefined) {
      assert.ok(this.#room !== undefined, 'a lease without a room');
      this.#room.give(change.lease);
    }
  }

  blockSizeOf(lu: string): number {
    return this.#facts.get(lu)?.blockSize ?? 0;
  }

  #rises(seq: number): void {
    assert.ok(seq > this.#seq, `sequence number ${seq} after ${this.#seq}`);
    this.#seq = seq;
  }

  #pieces({ lu, pieces, lease }: Change): void {
    assert.ok(Array.isArray(pieces) && pieces.length > 0, 'a change without pieces');
    const facts = this.#facts.get(lu);
    const size = facts?.blockSize ?? 0;
    const capacity = (facts?.blocks ?? 0) * size;
    assert.ok(size > 0, `pieces of ${lu}, whose block size was not told`);
    let held = lease === undefined;
    for (const piece of pieces as readonly Piece[]) {
      const { offset, length, payload } = piece;
      const words = `[${offset}, +${length}) of ${lu}`;
      assert.ok(Number.isSafeInteger(offset) && offset >= 0, words);
      assert.ok(Number.isSafeInteger(length) && length > 0 && Number.isSafeInteger(offset + length), words);
      if (capacity > 0 && !this.#grown.has(lu)) assert.ok(offset + length <= capacity, `${words} beyond ${capacity}`);
      if (size > 0) assert.equal(offset % size, 0, `${words} begins inside a block of ${size}`);
      const whole = size === 0 || length % size === 0;
      if (payload === 'lbnOnly') assert.ok(whole, `${words} is no whole blocks of ${size}`);
      else if (payload !== 'zeros') {
        held = true;
        if (isFill(payload)) {
          assert.ok(payload.fill.length > 0 && whole, words);
          if (size > 0) assert.equal(payload.fill.length, size, words);
          continue;
        }
        if (isOr(payload)) assert.ok(whole, words);
        let bytes = 0;
        for (const part of isOr(payload) ? payload.or : payload) bytes += part.length;
        assert.equal(bytes, length, `${words} holds ${bytes} bytes`);
      }
    }
    assert.ok(held, 'a lease that no piece needs');
  }

  #apply(change: Change): void {
    let mirror = this.mirrors.get(change.lu);
    if (mirror === undefined) {
      mirror = new MirrorModel();
      this.mirrors.set(change.lu, mirror);
    }
    mirror.apply(change, this.blockSizeOf(change.lu));
  }
}
