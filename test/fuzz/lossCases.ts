import assert from 'node:assert/strict';
import type { CheckedSink } from './checkedSink.ts';
import type { MirrorModel } from './mirrorModel.ts';
import type { Random } from './random.ts';
import { type Delivery, runBus } from './runBus.ts';
import type { Scenario } from './scenario.ts';
import type { Window } from './windows.ts';
import { tcpChecksum } from './wire.ts';
import { wrapAll } from './wrap.ts';

/** What a lossless run over a window gives: the truth that a lossy one is held against. */
const truths = new Map<Window, ReadonlyMap<string, MirrorModel>>();

/**
 * Frames are lost, doubled, put in another order, cut short, or damaged so that their TCP checksum shows it: every block
 * of the mirror is right or called unresolved (A6, A8, B2, B8). Damage stays between the window's SYNs and its tail, so
 * that what follows proves that something is missing.
 */
export function lossCase(random: Random, scenario: Scenario, choice: readonly Window[]): void {
  const w = random.pick(choice);
  const truth = truthOf(scenario, w);
  scenario.begin(w);
  const damages = w.checksums && random.chance(2);
  const safe = (i: number): boolean => {
    const o = scenario.origin[i];
    return o >= 0 && o < w.tail && !w.syns.has(o) && !(damages && w.first.has(o));
  };
  // Until a sender's payload was seen with right checksums nobody knows that its network card fills them in.
  const lastFirst = Math.max(...w.first);
  const wraps = random.chance(8);
  for (let n = random.chance(2) ? 1 : random.between(1, 6); n > 0; n--) {
    const i = pickSafe(random, scenario, safe);
    if (i < 0) break;
    if (damages && scenario.origin[i] > lastFirst && random.chance(2)) damage(random, scenario, i);
    else lose(random, scenario, i, safe);
  }
  if (wraps) wrapAll(random, scenario);
  const sink = runBus(scenario.batch, deliveryOf(random, w));
  judge(truth, sink);
}

function pickSafe(random: Random, scenario: Scenario, safe: (i: number) => boolean): number {
  for (let tries = 0; tries < 20; tries++) {
    const i = random.below(scenario.count);
    if (safe(i)) return i;
  }
  return -1;
}

function deliveryOf(random: Random, w: Window): Delivery {
  const claims = random.chance(3)
    ? w.claims.map((claim) => ({ ...claim, ...(w.blockSize > 0 ? { blockSize: w.blockSize } : {}) }))
    : w.claims;
  return {
    room: random.chance(6) ? 'scarce' : 'ample',
    run: random.chance(4) ? random.between(1, 40) : 0,
    scrub: random.chance(8),
    applies: true,
    claims,
  };
}

function truthOf(scenario: Scenario, w: Window): ReadonlyMap<string, MirrorModel> {
  let truth = truths.get(w);
  if (truth === undefined) {
    scenario.begin(w);
    const sink = runBus(scenario.batch, { room: 'ample', run: 0, scrub: false, applies: true, claims: w.claims });
    truth = sink.mirrors;
    for (const [lu, mirror] of truth) assert.ok(!mirror.whole, `${w.name}: ${lu} is in doubt without any loss`);
    truths.set(w, truth);
  }
  return truth;
}

function lose(random: Random, scenario: Scenario, i: number, safe: (i: number) => boolean): void {
  const { batch } = scenario;
  switch (random.below(5)) {
    case 0:
    case 1: {
      const run = random.chance(4) ? random.between(1, 12) : 1;
      let gone = 0;
      while (gone < run && i < scenario.count && safe(i)) {
        scenario.drop(i);
        gone++;
      }
      scenario.note(`lost ${gone} frames at ${i}`);
      return;
    }
    case 2: {
      const to = Math.min(scenario.count - 1, i + random.between(1, 30));
      if (safe(to) && scenario.repeat(i, to)) scenario.note(`frame at ${i} again at ${to}`);
      return;
    }
    case 3: {
      let to = i;
      const way = random.chance(2) ? 1 : -1;
      for (let n = random.between(1, 6); n > 0 && to + way >= 0 && to + way < scenario.count && safe(to + way); n--)
        to += way;
      scenario.move(i, to);
      scenario.note(`frame at ${i} moved to ${to}`);
      return;
    }
    default: {
      // What is both damaged and cut short has no checksum that could tell.
      if (batch.offset[i] >= scenario.window.scratch) return;
      const left = random.below(batch.captured[i] + 1);
      batch.captured[i] = left;
      scenario.note(`frame at ${i} cut to ${left} bytes`);
    }
  }
}

/** Changes bytes from the IP header on; where the TCP checksum still fits, the frame is put back as it was. */
function damage(random: Random, scenario: Scenario, i: number): void {
  const { batch, window: w } = scenario;
  const l = w.layers[scenario.origin[i]];
  if (l === undefined || batch.captured[i] < l.ipEnd) return;
  if (batch.captured[i] < w.length[scenario.origin[i]]) return;
  const back = batch.offset[i];
  const o = scenario.own(i);
  if (o < 0) return;
  const from = random.chance(3) ? l.ip : random.chance(2) ? l.tcp : Math.min(l.payload, l.ipEnd - 1);
  for (let n = random.chance(2) ? 1 : random.between(1, 8); n > 0; n--) {
    const at = o + random.between(from, l.ipEnd - 1);
    if (random.chance(2)) batch.bytes[at] ^= 1 << random.below(8);
    else batch.bytes[at] = random.word();
  }
  const proved = tcpChecksum(batch.bytes, o + l.ip, o + l.tcp, l.ipEnd - l.tcp) === 'wrong';
  if (!proved) batch.offset[i] = back;
  else scenario.note(`frame at ${i} (${scenario.origin[i]} of the window) damaged from byte ${from} on`);
}

/** Every block that either run touched is as in the truth, or called unresolved in one of them. */
function judge(truth: ReadonlyMap<string, MirrorModel>, sink: CheckedSink): void {
  for (const [lu, right] of truth) {
    const mirror = sink.mirrors.get(lu);
    const blocks = new Set([...right.blocks.keys(), ...(mirror?.blocks.keys() ?? [])]);
    for (const n of blocks) {
      if (right.unresolved(n) || mirror?.unresolved(n)) continue;
      const have = mirror === undefined ? undefined : mirror.blocks.get(n)?.bytes;
      const want = right.blocks.get(n)?.bytes;
      if (have === undefined && want === undefined) continue;
      assert.ok(
        have !== undefined && want !== undefined && Buffer.compare(have, want) === 0,
        `block ${n} of ${lu} is ${have === undefined ? 'not written' : want === undefined ? 'written by nobody' : 'wrong'} and not called unresolved (seen: ${[...sink.mirrors.keys()]})`,
      );
    }
  }
  for (const [lu, mirror] of sink.mirrors) {
    if (truth.has(lu)) continue;
    for (const n of mirror.blocks.keys()) assert.ok(mirror.unresolved(n), `block ${n} of ${lu}: written by nobody`);
  }
}
