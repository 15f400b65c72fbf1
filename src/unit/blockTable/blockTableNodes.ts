import { FAN_OUT, type NodeSums, SUM_BYTES } from '../../base/blocks.ts';
import { Fault } from '../../base/fault.ts';
import type { BlockTable } from '../../blocks/blockTable.ts';
import type { Scrub } from './blockTableScrub.ts';

/**
 * Answers for a table which of these nodes are the same here, a bit for each. What is not known of blocks, and of the nodes
 * over 64 of them, is read now; a node above that is only the same when everything under it is known.
 */
export async function compareNodes(table: BlockTable, scrub: Scrub, theirs: NodeSums): Promise<Uint8Array> {
  const { level, blockBytes, runs, sums } = theirs;
  if (blockBytes !== table.blockBytes) {
    const what = `the block table here is of blocks of ${table.blockBytes} bytes, not ${blockBytes}`;
    throw new Fault('local', what);
  }
  const same = new Uint8Array(Math.ceil(sums.length / SUM_BYTES / 8));
  let node = 0;
  for (const { first, count } of runs) {
    for (let index = first; index < first + count; index++, node++) {
      const at = node * SUM_BYTES;
      let equal = table.same(level, index, sums, at);
      if (equal === undefined && level < 2) {
        await scrub.bring(level === 1 ? index : Math.floor(index / FAN_OUT));
        equal = table.same(level, index, sums, at);
      }
      if (equal === true) same[node >> 3] |= 1 << (node & 7);
    }
  }
  return same;
}
