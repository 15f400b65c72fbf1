import type { Doubt, Payload, Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import type { Lu } from './lu/lu.ts';
import type { Task } from './task.ts';

/** A protection information tuple: guard, application tag, reference tag (SBC-4 section 4.21.3). */
const PI_BYTES = 8;

export interface Made {
  pieces: Piece[];
  doubt: Doubt | undefined;
  /** Some piece's bytes lie in the task's lease. */
  leased: boolean;
}

/**
 * What an ended write-natured task did to the medium, block by block (requirement B3): data where the bytes and the
 * outcome are certain, LBN-only elsewhere, clipped to the capacity where it is known.
 */
export function piecesOf(task: Task, lu: Lu): Made {
  const made: Made = { pieces: [], doubt: undefined, leased: false };
  if (task.effect === 'doubt') {
    made.doubt = task.doubt;
    for (let i = 0; i < task.blocks.length; i += 2) {
      const { effect } = task.cdb.operation;
      const placed = effect === 'data' || effect === 'or';
      const end = placed ? dataEnd(task, lu, task.blocks[i], task.blocks[i + 1]) : task.blocks[i + 1];
      lbnOnly(made, lu, task.blocks[i], end);
    }
    return made;
  }
  switch (task.cdb.operation.effect) {
    case 'data':
      writeData(made, task, lu, 0, asBytes);
      break;
    case 'or':
      // A change of generation clears, by an AND, and once there was one a set operation proves nothing by its GOOD.
      if (lu.orwGenerations) blocksOnly(made, task, lu);
      else writeData(made, task, lu, 0, asOr);
      break;
    case 'compareWrite':
      writeData(made, task, lu, task.cdb.blocks * lu.blockSize, asBytes);
      break;
    case 'same':
      writeSame(made, task, lu);
      break;
    case 'unmap':
      unmapBlocks(made, task, lu);
      break;
    default:
      blocksOnly(made, task, lu);
  }
  return made;
}

/** Its blocks changed, and not to what was sent. */
function blocksOnly(made: Made, task: Task, lu: Lu): void {
  made.doubt = 'effect';
  for (let i = 0; i < task.blocks.length; i += 2) lbnOnly(made, lu, task.blocks[i], task.blocks[i + 1]);
}

/** What the bytes of a command become at the mirror. */
type Use = (parts: readonly Uint8Array[]) => Payload;
const asBytes: Use = (parts) => parts;
const asOr: Use = (or) => ({ or });

/** The last block that a data command can have reached: the shorter of EDTL and CDB length is what was written. */
function dataEnd(task: Task, lu: Lu, first: number, end: number): number {
  if (task.cdb.protect !== 0) return end;
  return Math.min(end, first + Math.ceil(task.edtl / lu.blockSize));
}

/**
 * WRITE and its like, and ORWRITE (SBC-4 sections 5.10, 5.11); `skip` is where the written data starts in the Data-Out
 * (COMPARE AND WRITE sends 2N blocks).
 */
function writeData(made: Made, task: Task, lu: Lu, skip: number, use: Use): void {
  const { blockSize } = lu;
  const first = task.cdb.lbn;
  const cdbBytes = task.cdb.blocks * blockSize;
  const interval = task.cdb.protect !== 0 ? protectedInterval(task, lu, cdbBytes) : 0;
  if (interval < 0) {
    made.doubt = 'effect';
    lbnOnly(made, lu, first, first + task.cdb.blocks);
    return;
  }
  if (interval > 0) {
    writeProtected(made, task, lu, interval, use);
    return;
  }
  const length = Math.max(0, Math.min(task.edtl - skip, cdbBytes));
  if (
    task.intact(skip + length) &&
    !(task.counted && task.landed !== skip + cdbBytes) &&
    task.lease !== undefined &&
    task.tangled === undefined &&
    use === asBytes &&
    fits(lu, first, length)
  ) {
    // By far the most writes: nothing to cut.
    if (length === 0) return;
    made.leased = true;
    made.pieces.push({ offset: first * blockSize, length, payload: task.view(skip, skip + length) });
    return;
  }
  const bad = new Extents();
  task.unbelieved(skip + length).forEachIn(skip, skip + length, (s, e) => bad.add(s - skip, e - skip));
  if (task.counted && task.landed !== skip + cdbBytes) bad.add(0, length);
  if (!bad.isEmpty) made.doubt = task.digestFailed ? 'digest' : 'hole';
  if (task.lease === undefined && length > 0) {
    bad.add(0, length);
    made.doubt ??= 'no-room';
  }
  const over = length % blockSize;
  if (use === asOr && over > 0) {
    // ORs are of whole blocks, and which part of this one was ORed no standard says.
    bad.add(length - over, length);
    made.doubt ??= 'effect';
  }
  place(made, task, lu, first, length, bad, (s, e) => {
    made.leased ||= task.lease !== undefined;
    return use(task.view(skip + s, skip + e));
  });
}

function fits(lu: Lu, first: number, length: number): boolean {
  return lu.blocks === 0 || first * lu.blockSize + length <= lu.blocks * lu.blockSize;
}

/** Cuts [0, length) of the written bytes into data and whole LBN-only blocks. */
function place(
  made: Made,
  task: Task,
  lu: Lu,
  first: number,
  length: number,
  bad: Extents,
  payload: (from: number, to: number) => Payload,
): void {
  const { blockSize } = lu;
  const limit = lu.blocks > 0 ? Math.max(0, (lu.blocks - first) * blockSize) : Number.MAX_SAFE_INTEGER;
  const total = Math.min(length, limit);
  const unsure = new Extents();
  bad.forEachIn(0, total, (s, e) => unsure.add(Math.floor(s / blockSize), Math.ceil(e / blockSize)));
  task.tangled?.forEachIn(first, first + Math.ceil(total / blockSize), (s, e) => {
    made.doubt ??= 'overlap';
    unsure.add(s - first, e - first);
  });
  const base = first * blockSize;
  const blocks = Math.ceil(total / blockSize);
  unsure.gaps(0, blocks, (s, e) => {
    const from = s * blockSize;
    const to = Math.min(e * blockSize, total);
    if (from < to) made.pieces.push({ offset: base + from, length: to - from, payload: payload(from, to) });
  });
  unsure.forEachIn(0, blocks, (s, e) => lbnOnly(made, lu, first + s, first + e));
}

/**
 * Bytes of user data between two protection tuples; -1 while the format is not known for certain
 * (requirement B3: stripped, or LBN-only), 0 when the transfer's length proves that none was sent.
 */
function protectedInterval(task: Task, lu: Lu, cdbBytes: number): number {
  const { protection } = lu;
  if (protection === undefined || !protection.enabled) return -1;
  const interval = lu.blockSize / 2 ** protection.intervalExponent;
  if (!Number.isInteger(interval) || interval < 1) return -1;
  return task.edtl === cdbBytes + (cdbBytes / interval) * PI_BYTES ? interval : -1;
}

function writeProtected(made: Made, task: Task, lu: Lu, interval: number, use: Use): void {
  const sent = task.edtl;
  const step = interval + PI_BYTES;
  const bad = new Extents();
  task
    .unbelieved(sent)
    .forEachIn(0, sent, (s, e) => bad.add(Math.floor(s / step) * interval, Math.ceil(e / step) * interval));
  if (!bad.isEmpty) made.doubt = task.digestFailed ? 'digest' : 'hole';
  const length = task.cdb.blocks * lu.blockSize;
  if (task.lease === undefined) {
    bad.add(0, length);
    made.doubt ??= 'no-room';
  }
  place(made, task, lu, task.cdb.lbn, length, bad, (s, e) => {
    made.leased = true;
    const parts: Uint8Array[] = [];
    for (let at = s; at < e; at += interval)
      parts.push(...task.view((at / interval) * step, (at / interval) * step + interval));
    return use(parts);
  });
}

/** WRITE SAME: one block for all of them, or zeros with NDOB (SBC-4 section 5.49). UNMAP leaves the pattern's value. */
function writeSame(made: Made, task: Task, lu: Lu): void {
  const { blockSize } = lu;
  const first = task.blocks[0];
  const end = task.blocks[1];
  const wide = end - first;
  const clipped = lu.blocks > 0 ? Math.min(wide, Math.max(0, lu.blocks - first)) : wide;
  const bad = new Extents();
  let payload: Payload = 'zeros';
  const pattern = task.cdb.ndob && lu.initializationPattern;
  if (pattern || task.cdb.pbdata || task.cdb.lbdata || task.cdb.protect !== 0 || (lu.blocks === 0 && task.cdb.toEnd)) {
    made.doubt = 'effect';
    lbnOnly(made, lu, first, first + clipped);
    return;
  }
  if (!task.cdb.ndob) {
    const lost =
      task.edtl < blockSize || (task.counted && task.landed !== blockSize) || !task.unbelieved(blockSize).isEmpty;
    if (lost || task.lease === undefined) {
      made.doubt = task.digestFailed ? 'digest' : lost ? 'hole' : 'no-room';
      lbnOnly(made, lu, first, first + clipped);
      return;
    }
    const parts = task.view(0, blockSize);
    const fill = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (fill.some((byte) => byte !== 0)) payload = { fill };
  }
  place(made, task, lu, first, clipped * blockSize, bad, () => {
    made.leased ||= payload !== 'zeros';
    return payload;
  });
}

/** UNMAP: zeros only where that is promised, and only in whole granules when the granularity is known (SBC-4 section 4.7). */
function unmapBlocks(made: Made, task: Task, lu: Lu): void {
  for (let i = 0; i < task.blocks.length; i += 2) {
    const start = task.blocks[i];
    const end = lu.blocks > 0 ? Math.min(task.blocks[i + 1], lu.blocks) : task.blocks[i + 1];
    if (start >= end) continue;
    if (lu.readsZeros !== true || lu.initializationPattern || task.cdb.anchor) {
      made.doubt = 'effect';
      lbnOnly(made, lu, start, end);
      continue;
    }
    let from = start;
    let to = end;
    if (lu.granularity > 1) {
      const { granularity: g, granularityAlignment: a } = lu;
      from = Math.ceil((start - a) / g) * g + a;
      to = Math.floor((end - a) / g) * g + a;
      if (to === Math.floor((lu.blocks - a) / g) * g + a && end === lu.blocks) to = end;
    }
    if (from >= to) {
      from = end;
      to = end;
    }
    if (from > start || to < end) made.doubt = 'effect';
    lbnOnly(made, lu, start, Math.min(from, end));
    if (from < to) place(made, task, lu, from, (to - from) * lu.blockSize, new Extents(), () => 'zeros');
    lbnOnly(made, lu, Math.max(to, from), end);
  }
}

function lbnOnly(made: Made, lu: Lu, start: number, end: number): void {
  const to = lu.blocks > 0 ? Math.min(end, lu.blocks) : end;
  if (start >= to) return;
  made.pieces.push({ offset: start * lu.blockSize, length: (to - start) * lu.blockSize, payload: 'lbnOnly' });
}
