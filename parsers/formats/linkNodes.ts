import { FAN_OUT, LEVELS_MAX, type NodeRun, type NodeSums, SUM_BYTES, TABLE_BLOCK_MAX } from '../../src/base/blocks.ts';
import type { LinkReader, LinkScribe } from './linkBytes.ts';

/** Nodes of one question at most, by its level: a receiver may have to read all that lies under those of the lowest two. */
export const NODES_MAX = 4096;
export const NODES_MAX_ABOVE: number = FAN_OUT;

/** Which of these nodes of block tables are the same at the receiver? Only for one with the feature `nodes`. */
export interface NodesQuestion extends NodeSums {
  kind: 'nodes';
  sums: Uint8Array;
}

/** A bit for each node of the question, in order from the lowest of the first byte: 1 where it is known to be the same. */
export interface SameAnswer {
  kind: 'same';
  same: Uint8Array;
}

/** Nodes of a question about this level at most. */
export function nodesMax(level: number): number {
  return level === 1 ? NODES_MAX_ABOVE : NODES_MAX;
}

/** Level (1 byte), bytes of a block, number of runs; for each its distance behind the one before and its length; sums. */
export function putNodes(scribe: LinkScribe, { level, blockBytes, runs, sums }: NodesQuestion): LinkScribe {
  scribe.u8(level).varint(blockBytes).varint(runs.length);
  let at = 0;
  for (const { first, count } of runs) {
    scribe.varint(first - at).varint(count);
    at = first + count;
  }
  return scribe.raw(sums);
}

/** `sums` is a view of the body. */
export function readNodes(reader: LinkReader): NodesQuestion {
  const level = reader.u8();
  const blockBytes = reader.varint();
  if (level >= LEVELS_MAX) reader.fail(`nodes of level ${level}`);
  if (blockBytes < 512 || blockBytes > TABLE_BLOCK_MAX || (blockBytes & (blockBytes - 1)) !== 0)
    reader.fail(`a table of blocks of ${blockBytes} bytes`);
  const runs: NodeRun[] = [];
  const all = reader.varint();
  let at = 0;
  let nodes = 0;
  for (let n = 0; n < all && !reader.fault; n++) {
    const first = at + reader.varint();
    const count = reader.varint();
    at = first + count;
    nodes += count;
    if (count < 1 || nodes > nodesMax(level)) reader.fail(`a question about ${nodes} nodes of level ${level}`);
    if (!Number.isSafeInteger((at - 1) * blockBytes * FAN_OUT ** level)) reader.fail('nodes beyond 2^53-1 bytes');
    runs.push({ first, count });
  }
  if (nodes === 0) reader.fail('a question about no node');
  return { kind: 'nodes', level, blockBytes, runs, sums: reader.raw(reader.fault ? 0 : nodes * SUM_BYTES) };
}

/** `same` is a view of the body. */
export function readSame(reader: LinkReader): SameAnswer {
  if (reader.left > NODES_MAX / 8) reader.fail(`an answer about ${reader.left * 8} nodes`);
  return { kind: 'same', same: reader.raw(reader.left) };
}
