import assert from 'node:assert/strict';
import { altered, dice, later, segmentOf, withChecksum } from './support/derive.ts';
import type { Frame } from './support/frames.ts';
import { play } from './support/play.ts';
import { usesOf } from './support/precision.ts';
import { captureFrames, present } from './support/sidecar.ts';
import { assertEqual, assertHonest } from './support/truth.ts';
import { blocksOf } from './support/wire.ts';

/** Frames that hold nothing but data of a write, each with the checksum its bytes need. */
function dataFrames(name: string): number[] {
  return usesOf(name)
    .filter(({ index, pdus }) => {
      if (pdus.length !== 1) return false;
      const [{ opcode, command, headerIn }] = pdus;
      return (
        (opcode === 5 || opcode === 1) && command?.mutates === true && !headerIn.has(index) && command.opcode !== 0x41
      );
    })
    .map(({ index }) => index);
}

/** Every frame with a right checksum: senders that leave it to the card prove nothing by theirs. */
function checked(name: string): Frame[] {
  return captureFrames(name).map((frame) => (segmentOf(frame) === undefined ? frame : withChecksum(frame, true)));
}

function spoilt(frame: Frame): Frame {
  const { payload, payloadLength } = segmentOf(frame)!;
  return altered(frame, (b) => {
    b[payload + (payloadLength >> 1)] ^= 0x40;
  });
}

describe('A6 copies of a segment that differ', () => {
  for (const name of present('d24-veth-base', 'd08-veth-r2t', 'd09-veth-unsolicited')) {
    const samples = (): number[] => {
      const random = dice(23);
      const all = dataFrames(name);
      return Array.from({ length: 40 }, () => all[Math.floor(random() * all.length)]);
    };

    it(`${name}: a copy with a wrong checksum loses, before or after the right one`, () => {
      const frames = checked(name);
      for (const i of samples()) {
        const bad = withChecksum(spoilt(frames[i]), false);
        const [head, tail] = [frames.slice(0, i), frames.slice(i + 1)];
        play(name, [...head, frames[i], later(bad, 1), ...tail], (o) =>
          assertEqual(name, o, `bad copy after ${i + 1}`),
        );
        play(name, [...head, bad, later(frames[i], 1), ...tail], (o) =>
          assertEqual(name, o, `bad copy before ${i + 1}`),
        );
      }
    });

    it(`${name}: of two with right checksums neither is believed, and nothing else is in doubt`, () => {
      const frames = checked(name);
      for (const i of samples()) {
        const other = withChecksum(spoilt(frames[i]), true);
        const both = [...frames.slice(0, i), frames[i], later(other, 1), ...frames.slice(i + 1)];
        play(name, both, (outcome) => {
          assertHonest(name, outcome, `two copies of ${i + 1}`);
          const [shadow] = outcome.shadows;
          const { block_size: block, size, target, lun } = shadow.truth;
          const own = blocksOf(usesOf(name)[i].pdus, target, lun);
          // A segment that the receiver had acknowledged already is past disputing; all others are disputed whole.
          shadow.unresolved.forEachIn(0, size, (s, e) =>
            assert.ok(own.covers(s / block, e / block), `two copies of ${i + 1}: blocks ${s / block} to ${e / block}`),
          );
          assert.ok(shadow.doubts.has('hole'), `frame ${i + 1} is believed`);
          assert.ok(shadow.unresolvedBlocks <= 4, `frame ${i + 1}: ${shadow.unresolvedBlocks} blocks`);
        });
      }
    });

    it(`${name}: a segment that was spoilt and never sent again is lost`, () => {
      const frames = checked(name);
      for (const i of samples()) {
        const bad = withChecksum(spoilt(frames[i]), false);
        play(name, [...frames.slice(0, i), bad, ...frames.slice(i + 1)], (outcome) => {
          assertHonest(name, outcome, `${i + 1} spoilt`);
          assert.ok(
            outcome.shadows[0].unresolvedBlocks <= 4,
            `frame ${i + 1}: ${outcome.shadows[0].unresolvedBlocks} blocks`,
          );
        });
      }
    });
  }
});
