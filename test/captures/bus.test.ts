import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Extents } from '../../src/base/extents.ts';
import { ACK, CD, MSG, REQ, SEL } from '../../src/base/samples.ts';
import { disksOf } from '../kit/busDisks.ts';
import {
  apply,
  type BusEvent,
  type BusImage,
  type BusTrace,
  imageOf,
  readTrace,
  wrongBlocks,
} from '../kit/busTrace.ts';
import { sharedFolder } from '../shared.ts';

/** The same numbers in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const BLOCK = 512;
/** Samples that a polling loop loses at a time. */
const LONGEST = Number(process.env.TAPMIRROR_BUS_LONGEST ?? 60);
const ROUNDS = Number(process.env.TAPMIRROR_BUS_ROUNDS ?? 4);

describe('A4 traces of a parallel bus, damaged', function () {
  this.timeout(120_000);
  const folder = join(sharedFolder() ?? '', 'bus');
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.truth.json'))
        .map((name) => name.slice(0, -11))
    : [];
  // Where nothing is in doubt the whole trace is its own truth.
  const lossless = names.filter((name) => !/^(d09|d10|d11|p02|p03)/.test(name));

  before(function () {
    if (names.length === 0) this.skip();
  });

  for (const name of names) {
    it(`${name}: every block is the disk's at the end, or in doubt`, async () => {
      const trace = await readTrace(folder, name);
      const image = imageOf(trace, trace.events);
      for (const { volume, before, after } of disksOf(folder, name)) {
        const [blocks, doubted] = [image.blocks.get(volume), image.doubted.get(volume)];
        for (let lbn = 0; lbn * BLOCK < after.length; lbn++) {
          if (doubted?.intersects(lbn, lbn + 1)) continue;
          const [from, to] = [lbn * BLOCK, (lbn + 1) * BLOCK];
          const have = blocks?.get(lbn) ?? before.toString('hex', from, to);
          assert.ok(have === after.toString('hex', from, to), `${volume} LBN ${lbn}`);
        }
      }
    });
  }

  for (const name of lossless) {
    describe(name, () => {
      let trace: BusTrace;
      let whole: BusImage;

      before(async () => {
        trace = await readTrace(folder, name);
        whole = imageOf(trace, trace.events);
      });

      it('leaves nothing in doubt while it is whole', () => {
        for (const doubted of whole.doubted.values()) assert.ok(doubted.isEmpty);
      });

      it('cut short: no block is wrong that is not called unresolved', () => {
        const next = random(1);
        for (let round = 0; round < ROUNDS; round++) {
          const end = Math.floor(next() * trace.events.length);
          const image = imageOf(trace, trace.events.slice(0, end));
          const truth = { blocks: new Map(), doubted: new Map() };
          for (const lu of trace.lus) {
            truth.blocks.set(lu, new Map());
            truth.doubted.set(lu, new Extents());
          }
          for (const { frame, change } of whole.changes) if (frame <= end) apply(truth, change);
          assert.deepEqual(wrongBlocks(image, truth), [], `seed 1 round ${round} end ${end}`);
        }
      });

      it('with marked holes: no block is wrong that is not called unresolved', () => {
        const next = random(2);
        for (let round = 0; round < ROUNDS; round++) {
          const events = damage(trace.events, next, 1 + Math.floor(next() * 3), 4000, true);
          assert.deepEqual(wrongBlocks(imageOf(trace, events), whole), [], `seed 2 round ${round}`);
        }
      });

      it('with samples of data phases missing without a mark: no block is wrong that is not called unresolved', function () {
        if (trace.facts.timed) this.skip();
        const next = random(4);
        for (let round = 0; round < ROUNDS; round++) {
          const events = thinned(trace.events, next);
          assert.deepEqual(wrongBlocks(imageOf(trace, events), whole), [], `seed 4 round ${round}`);
        }
      });

      // A probe's numbers tell of every sample that is missing: only a polling loop loses some without a sign.
      it('with a few samples missing without a mark: no block is wrong that is not called unresolved', function () {
        if (trace.facts.timed) this.skip();
        const next = random(3);
        for (let round = 0; round < ROUNDS; round++) {
          const events = damage(trace.events, next, 1, LONGEST, false);
          assert.deepEqual(wrongBlocks(imageOf(trace, events), whole), [], `seed 3 round ${round}`);
        }
      });
    });
  }
});

function damage(
  events: readonly BusEvent[],
  next: () => number,
  holes: number,
  longest: number,
  marked: boolean,
): BusEvent[] {
  const out = [...events];
  for (let i = 0; i < holes; i++) {
    const at = 1 + Math.floor(next() * (out.length - 2));
    const count = Math.min(out.length - at - 1, 1 + Math.floor(next() ** 2 * longest));
    const from = out[at].time;
    const to = out[at + count].time;
    if (marked) out.splice(at, count, { kind: 'hole', time: from, to });
    else out.splice(at, count);
  }
  return out;
}

/** Takes some samples out of a few places where data passes: C/D and MSG are negated, REQ or ACK asserted. */
function thinned(events: readonly BusEvent[], next: () => number): BusEvent[] {
  const out = [...events];
  for (let hole = 0; hole < 3; ) {
    const at = Math.floor(next() * (out.length - 40));
    const one = out[at];
    if (one.kind !== 'sample' || (one.control & (CD | MSG | SEL)) !== 0 || (one.control & (REQ | ACK)) === 0) continue;
    out.splice(at, 1 + Math.floor(next() * 30));
    hole++;
  }
  return out;
}
