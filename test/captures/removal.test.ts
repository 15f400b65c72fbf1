import assert from 'node:assert/strict';
import { dice, lossy, segmentOf, without } from './support/derive.ts';
import { play } from './support/play.ts';
import { type Cost, costOf, table, usesOf } from './support/precision.ts';
import { captureFrames, present } from './support/sidecar.ts';
import { assertHonest } from './support/truth.ts';

/** Set to be shown what each class of lost frames cost. */
const SHOWN = process.env.TAPMIRROR_PRECISION !== undefined;

/**
 * Requirement A8. What was in the frame is provable but for the header of a command that writes, and for one without data
 * that ends in GOOD: a WRITE SAME with NDOB or a FORMAT UNIT would look the same. The list of an UNMAP is its extents.
 */
function assertNarrow(name: string, cost: Cost, allowance = 0): void {
  const list = cost.use.pdus.some((p) => p.command?.opcode === 0x42 && (p.opcode === 1 || p.opcode === 5));
  if (cost.writeHeader || cost.otherHeader || cost.login || list) return;
  assert.ok(
    cost.beyond <= allowance,
    `${name}, without frame ${cost.use.index + 1} (${cost.carried}): ${cost.unresolved} blocks are called unresolved, ` +
      `${cost.beyond} of them are not written by any command in it`,
  );
}

describe('A8 d24-veth-base with every frame removed, one at a time', () => {
  const [name] = present('d24-veth-base');
  if (name === undefined) return;
  const costs: Cost[] = [];

  before(function () {
    this.timeout(60_000);
    const frames = captureFrames(name);
    for (let i = 0; i < frames.length; i++) costs.push(costOf(name, without(frames, i), i));
    if (SHOWN) console.log(table(name, costs));
  });

  it('never leaves a wrong block that is not called unresolved', () => {
    assert.equal(costs.length, captureFrames(name).length);
  });

  it('calls nothing beyond the commands in the frame unresolved, but for a lost command header', () => {
    for (const cost of costs) assertNarrow(name, cost);
  });

  it('leaves nothing in doubt for ACKs, R2Ts, reads, SYN, FIN, login and logout', () => {
    for (const { use, carried, unresolved } of costs) {
      const writes = use.pdus.some((p) => p.command?.mutates === true && p.opcode !== 0x31);
      if (writes || carried.startsWith('control command')) continue;
      assert.equal(unresolved, 0, `frame ${use.index + 1}: ${carried}`);
    }
  });

  it('puts no more blocks in doubt than the lost bytes of a segment of data touch', () => {
    // 1448 bytes touch four blocks at most; the one block that WRITE SAME(10) repeats stands for all of its blocks.
    for (const { use, carried, writeHeader, unresolved } of costs) {
      const data = use.pdus.length > 0 && use.pdus.every((p) => p.opcode === 5 || p.opcode === 1) && !writeHeader;
      const exact = use.pdus.every((p) => p.command?.opcode !== 0x41 && !p.headerIn.has(use.index));
      if (data && exact) assert.ok(unresolved <= 4, `frame ${use.index + 1}: ${carried}: ${unresolved} blocks`);
    }
  });
});

describe('A8 other captures with sampled frames removed', () => {
  // Every k-th frame, so that all of them together stay quick.
  const steps: [string, number][] = [
    ['d06-veth-hdigest', 17],
    ['d07-veth-hddigest-4k', 11],
    ['d08-veth-r2t', 11],
    ['d09-veth-unsolicited', 11],
    ['d11-veth-two-initiators', 11],
    ['d12-lo-two-luns-two-targets', 5],
    ['d14-lo6-ipv6', 3],
    ['d18-tbf-retransmit', 17],
    ['d19-tbf-holes', 17],
    ['d20-veth-conndrop', 17],
    ['d22-veth-istgt-caw', 11],
    ['d23-veth-istgt-r2t', 7],
    ['linux-ext4', 29],
  ];
  for (const [name, step] of steps) {
    if (present(name).length === 0) continue;
    it(`${name}, every ${step}th`, function () {
      this.timeout(60_000);
      const frames = captureFrames(name);
      const costs: Cost[] = [];
      for (let i = step % 7; i < frames.length; i += step) costs.push(costOf(name, without(frames, i), i));
      if (SHOWN) console.log(table(name, costs));
      // While one connection waits for lost bytes another's commands pass: those on the same blocks are not put in order.
      for (const cost of costs) assertNarrow(name, cost, name === 'd11-veth-two-initiators' ? 64 : 0);
    });
  }

  // Several short connections at one LU: while one waits for lost bytes another's commands pass, so doubt may be wider.
  for (const name of present('d13-lo-tmf')) {
    it(`${name}, every 7th: honest`, function () {
      this.timeout(60_000);
      const frames = captureFrames(name);
      const costs: Cost[] = [];
      for (let i = 3; i < frames.length; i += 7) costs.push(costOf(name, without(frames, i), i));
      if (SHOWN) console.log(table(name, costs));
    });
  }
});

describe('A8 more than one frame lost', () => {
  const names = present(
    'd24-veth-base',
    'd07-veth-hddigest-4k',
    'd11-veth-two-initiators',
    'd14-lo6-ipv6',
    'd22-veth-istgt-caw',
  );

  for (const name of names) {
    it(`${name}: neighbours and bursts of 2 to 40`, function () {
      this.timeout(60_000);
      const frames = captureFrames(name);
      const flows = frames.map((frame) => segmentOf(frame)?.flow);
      const seed = 17;
      const random = dice(seed);
      for (let round = 0; round < 120; round++) {
        const count = round < 60 ? 2 : 2 + Math.floor(random() * 39);
        const at = Math.floor(random() * (frames.length - count));
        // A connection whose whole end is lost leaves no trace of what its host still sent: nothing can tell.
        if (flows.slice(at, at + count).some((flow) => flows.lastIndexOf(flow) < at + count)) continue;
        play(name, without(frames, at, count), (outcome) =>
          assertHonest(name, outcome, `without ${count} frames from ${at + 1} (seed ${seed})`),
        );
      }
    });

    it(`${name}: one and five in a hundred at random`, function () {
      this.timeout(60_000);
      const frames = captureFrames(name);
      for (let seed = 1; seed <= 40; seed++) {
        const share = seed % 2 === 0 ? 0.01 : 0.05;
        play(name, lossy(frames, share, dice(seed)), (outcome) =>
          assertHonest(name, outcome, `${share} lost (seed ${seed})`),
        );
      }
    });

    it(`${name}: one direction missing wholly`, () => {
      const frames = captureFrames(name);
      const uses = usesOf(name);
      for (const toTarget of [true, false]) {
        const rest = frames.filter((_, i) => uses[i].kind === 'other' || uses[i].toTarget !== toTarget);
        play(name, rest, (outcome) =>
          assertHonest(name, outcome, `without what goes ${toTarget ? 'to' : 'from'} the target`),
        );
      }
    });
  }
});
