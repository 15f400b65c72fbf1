import type { Extents } from '../../../src/base/extents.ts';
import type { Frame } from './frames.ts';
import { type Outcome, play } from './play.ts';
import { captureFrames } from './sidecar.ts';
import { assertHonest } from './truth.ts';
import { blocksOf, type FrameUse, mapWire, pduName } from './wire.ts';

/** What the loss of one frame cost, against what it carried. */
export interface Cost {
  use: FrameUse;
  /** What it carried, in words. */
  carried: string;
  /** It holds a byte of the header of a write-natured command, of any other command. */
  writeHeader: boolean;
  otherHeader: boolean;
  login: boolean;
  /** Blocks of the write-natured commands with bytes in the frame, over all LUs. */
  involved: number;
  /** Blocks called unresolved; those of them that no command in the frame writes, and that are not in doubt without the loss. */
  unresolved: number;
  beyond: number;
}

const uses = new Map<string, FrameUse[]>();

export function usesOf(name: string): FrameUse[] {
  let known = uses.get(name);
  if (known === undefined) {
    known = mapWire(captureFrames(name));
    uses.set(name, known);
  }
  return known;
}

const baselines = new Map<string, Extents[]>();

/** What the whole capture leaves unresolved, in bytes of each LU. */
function baseline(name: string): Extents[] {
  let known = baselines.get(name);
  if (known === undefined) {
    known = play(name, captureFrames(name), ({ shadows }) => shadows.map((s) => s.unresolved.clone()));
    baselines.set(name, known);
  }
  return known;
}

/** Plays `frames`, which lack the frame with index `lost`; honest whatever else. */
export function costOf(name: string, frames: readonly Frame[], lost: number): Cost {
  const use = usesOf(name)[lost];
  const base = baseline(name);
  return play(name, frames, (outcome) => {
    assertHonest(name, outcome, `without frame ${lost + 1}`);
    return weigh(use, base, outcome);
  });
}

function weigh(use: FrameUse, base: readonly Extents[], { shadows }: Outcome): Cost {
  const cost: Cost = {
    use,
    carried:
      [...new Set(use.pdus.map(pduName))].join(', ') || `${use.kind} ${use.toTarget ? 'of the host' : 'of the target'}`,
    writeHeader: use.pdus.some((p) => p.opcode === 1 && p.command?.mutates === true && p.headerIn.has(use.index)),
    otherHeader: use.pdus.some((p) => p.opcode === 1 && p.command?.mutates === false && p.headerIn.has(use.index)),
    login: use.pdus.some((p) => p.opcode === 3),
    involved: 0,
    unresolved: 0,
    beyond: 0,
  };
  shadows.forEach((shadow, n) => {
    const { block_size: block, size, target, lun } = shadow.truth;
    const own = blocksOf(use.pdus, target, lun);
    cost.involved += own.total;
    cost.unresolved += shadow.unresolvedBlocks;
    shadow.unresolved.forEachIn(0, size, (s, e) =>
      own.gaps(s / block, e / block, (from, to) =>
        base[n].gaps(from * block, to * block, (a, b) => {
          cost.beyond += (b - a) / block;
        }),
      ),
    );
  });
  return cost;
}

/** One line per class of frame: how many, how many cost more than the commands involved, the worst of each. */
export function table(name: string, costs: readonly Cost[]): string {
  const classes = new Map<string, Cost[]>();
  for (const cost of costs) {
    const key = cost.carried + (cost.writeHeader ? ' (its header)' : '');
    const list = classes.get(key);
    if (list === undefined) classes.set(key, [cost]);
    else list.push(cost);
  }
  const lines = [`${name}: frames lost one at a time`];
  for (const [key, list] of [...classes].sort()) {
    const wider = list.filter((c) => c.beyond > 0);
    const worst = list.reduce((a, b) => (b.unresolved > a.unresolved ? b : a));
    lines.push(
      `  ${key}: ${list.length} frames; worst ${worst.unresolved} blocks unresolved of ${worst.involved} involved (frame ${worst.use.index + 1}); ` +
        `${wider.length} beyond${
          wider.length > 0
            ? `, e.g. ${wider
                .slice(0, 5)
                .map((c) => c.use.index + 1)
                .join(' ')}`
            : ''
        }`,
    );
  }
  return lines.join('\n');
}
