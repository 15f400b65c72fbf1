import type { LuId } from '../../base/change.ts';
import type { LuFacts } from '../../base/sink.ts';
import type { Bus } from '../bus.ts';
import type { Journal } from './journal.ts';
import type { Lu } from './lu.ts';

/** A configured LU; undefined where there is none of that name. */
export function claimedLu({ directory }: Bus, id: LuId): Lu | undefined {
  return directory.claimed.find((one) => one.id === id);
}

/** What is known of a configured LU from elsewhere, its own target for example; 0 for what is not. */
export function learn(bus: Bus, journal: Journal, { lu: id, blockSize, blocks }: LuFacts): void {
  const lu = claimedLu(bus, id);
  if (lu === undefined || blockSize === 0 || lu.blockSizeGiven) return;
  const first = lu.blockSize === 0;
  if (!first && lu.blockSize !== blockSize) return;
  lu.blockSize = blockSize;
  if (blocks > 0) lu.blocks = blocks;
  if (first) journal.sizeKnown(lu);
}

/** Something that nobody saw may have been a command to anybody: every configured LU is in doubt whole. */
export function doubtAll({ directory }: Bus, journal: Journal): void {
  for (const lu of directory.claimed) journal.doubtWhole(lu, 'lost-command');
}
