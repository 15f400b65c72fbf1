import { dice, doubled, segmentOf, shuffled, skewed } from './support/derive.ts';
import type { Frame } from './support/frames.ts';
import { type Outcome, play } from './support/play.ts';
import { usesOf } from './support/precision.ts';
import { captureFrames, present } from './support/sidecar.ts';
import { assertEqual, assertHonest, determined } from './support/truth.ts';

const names = present(
  'd07-veth-hddigest-4k',
  'd08-veth-r2t',
  'd11-veth-two-initiators',
  'd12-lo-two-luns-two-targets',
  'd14-lo6-ipv6',
  'd18-tbf-retransmit',
  'd20-veth-conndrop',
  'd22-veth-istgt-caw',
  'd24-veth-base',
  'linux-ext4',
);

/**
 * Nothing was lost: the mirror is the volume where the wire determines it. The order of two connections' frames is all
 * that tells the order of their commands: where that was changed, common blocks may be in doubt.
 */
function holds(name: string, frames: readonly Frame[], what: string, several = false): void {
  const check = (outcome: Outcome): void =>
    determined(name) && !several ? assertEqual(name, outcome, what) : assertHonest(name, outcome, what);
  play(name, frames, check);
}

/** Two hosts at once; the kernel's initiator in linux-ext4 opens its session while discovery still ends. */
function many(name: string): boolean {
  return name === 'd11-veth-two-initiators' || name === 'linux-ext4';
}

describe('A6 frames more than once', () => {
  for (const name of names) {
    it(`${name}: five in a hundred, and every one of them as a mirror of both sides of a port shows them`, () => {
      const frames = captureFrames(name);
      holds(name, doubled(frames, 0.05, dice(5)), 'doubled frames (seed 5)');
      holds(name, doubled(frames, 1, dice(1)), 'every frame twice');
    });
  }
});

describe('A6, A6b frames out of order', () => {
  for (const name of names) {
    it(`${name}: up to eight places late`, () => {
      for (let seed = 1; seed <= 6; seed++) {
        holds(name, shuffled(captureFrames(name), 8, dice(seed)), `shuffled by up to 8 (seed ${seed})`, many(name));
      }
    });

    it(`${name}: one direction five frames after the other`, () => {
      const frames = captureFrames(name);
      const side = new Map(frames.map((frame, i) => [frame, usesOf(name)[i]]));
      for (const toTarget of [true, false]) {
        const late = (f: Frame): boolean => side.get(f)?.kind !== 'other' && side.get(f)?.toTarget === toTarget;
        holds(name, skewed(frames, late, 5), `${toTarget ? 'requests' : 'answers'} late`, many(name));
      }
    });
  }
});

describe('A2 a file for each direction', () => {
  for (const name of names) {
    it(`${name}: put together by time, whichever comes first at the same time`, () => {
      const frames = captureFrames(name);
      const time = (f: Frame): number => f.seconds * 1e9 + f.nanos;
      const [a, b] = [true, false].map((way) => frames.filter((f) => segmentOf(f)?.forward === way));
      for (const [first, second] of [
        [a, b],
        [b, a],
      ]) {
        const merged: Frame[] = [];
        let i = 0;
        for (const frame of first) {
          while (i < second.length && time(second[i]) < time(frame)) merged.push(second[i++]);
          merged.push(frame);
        }
        merged.push(...second.slice(i));
        holds(name, merged, 'two files merged');
      }
    });
  }
});
