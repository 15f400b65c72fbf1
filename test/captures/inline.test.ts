import assert from 'node:assert/strict';
import { Snoop } from '../../src/snoop/snoop.ts';
import { PassedThrough } from '../kit/inline.ts';
import { dice } from './support/derive.ts';
import { inBatches } from './support/frames.ts';
import { luNames, type Outcome, Shadow } from './support/play.ts';
import { captureFrames, captureNames, Image, portalOf, sidecar } from './support/sidecar.ts';
import { assertEqual, assertHonest, determined } from './support/truth.ts';

/** Whole from the first SYN on, with volumes to compare with; derived captures carry the same bytes again. */
const names = captureNames((side) => {
  const whole = side.base === undefined && side.lossless !== false && side.login_seen !== false;
  return whole && (side.luns?.length ?? 0) > 0;
});

function pass(name: string, cut: (length: number) => number): Outcome {
  const lus = luNames(name);
  const portal = portalOf(name);
  const shadows = (sidecar(name).luns ?? []).map((truth, n) => new Shadow(lus[n], truth, new Image(truth)));
  const outcome: Outcome = { shadows, notices: [], commands: 0, holes: 0 };
  let lent = 0;
  const snoop = new Snoop({
    room: {
      full: false,
      take: (bytes) => {
        lent++;
        return { parts: [new Uint8Array(bytes)], bytes };
      },
      give: () => {
        lent--;
      },
    },
    volumes: lus.map((lu) => ({ lu, ...(portal === undefined ? {} : { portals: [portal] }) })),
    reorder: { ms: 0, bytes: 0 },
    sink: {
      command: () => {
        outcome.commands++;
      },
      change: (change) => {
        shadows.find((s) => s.lu === change.lu)?.apply(change);
        if (change.lease !== undefined) lent--;
      },
      notice: (text) => outcome.notices.push(text),
    },
  });
  const through = new PassedThrough(snoop, cut);
  inBatches(captureFrames(name), (batch) => through.take(batch));
  through.finish();
  assert.equal(lent, 0, 'every lease was given back');
  return outcome;
}

describe('A3 captures passed through the unit against the target’s own volume', () => {
  assert.ok(names.length > 0);
  for (const name of names) {
    it(name, () => {
      const check = determined(name) ? assertEqual : assertHonest;
      check(
        name,
        pass(name, (length) => length),
        'as it came',
      );
      const random = dice(7);
      check(
        name,
        pass(name, (length) => Math.ceil(random() ** 4 * length)),
        'cut anywhere (seed 7)',
      );
    });
  }
});
