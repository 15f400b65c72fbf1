import { altered, dice, later, segmentOf, withChecksum } from './support/derive.ts';
import type { Frame } from './support/frames.ts';
import { play } from './support/play.ts';
import { usesOf } from './support/precision.ts';
import { captureFrames, present } from './support/sidecar.ts';
import { assertEqual, assertHonest } from './support/truth.ts';

/** Every frame with a right checksum, so that the checksum decides nothing. */
function checked(name: string): Frame[] {
  return captureFrames(name).map((frame) => (segmentOf(frame) === undefined ? frame : withChecksum(frame, true)));
}

/** Frames within one write's data segment: no header in them, nor the last bytes with the digest. */
function inner(name: string): number[] {
  return usesOf(name)
    .filter(({ index, pdus }) => pdus.length === 1 && pdus[0].command?.mutates === true && !pdus[0].headerIn.has(index))
    .map(({ index }) => index);
}

function spoilt(frame: Frame): Frame {
  const { payload } = segmentOf(frame)!;
  return withChecksum(
    altered(frame, (b) => {
      b[payload + 8] ^= 0x11;
    }),
    true,
  );
}

describe('A6 a data digest proves one of two copies (RFC 7143 section 13.1)', () => {
  for (const name of present('d07-veth-hddigest-4k')) {
    it(`${name}: whichever came first, the mirror equals the volume`, () => {
      const frames = checked(name);
      const random = dice(7);
      const all = inner(name);
      let proved = 0;
      for (let k = 0; k < 16; k++) {
        const i = all[Math.floor(random() * all.length)];
        const [head, tail] = [frames.slice(0, i), frames.slice(i + 1)];
        for (const pair of [
          [frames[i], later(spoilt(frames[i]), 1)],
          [spoilt(frames[i]), later(frames[i], 1)],
        ]) {
          play(name, [...head, ...pair, ...tail], (outcome) => {
            assertHonest(name, outcome, `two copies of ${i + 1}`);
            if (outcome.shadows[0].unresolvedBlocks > 0) return;
            proved++;
            assertEqual(name, outcome, `two copies of ${i + 1}`);
          });
        }
      }
      // Spoiling the digest's own bytes, or a byte beyond the data, proves nothing: most samples are neither.
      if (proved < 28) throw new Error(`only ${proved} of 32 were proved`);
    });
  }
});
