import { put32, u16, u32, u64 } from '../../parsers/bytes.ts';
import { parseUnmap } from '../../parsers/scsi/unmap.ts';
import type { Payload } from '../base/change.ts';
import type { DeviceSteps } from '../base/device.ts';
import { isParseFault } from '../base/fault.ts';
import { demandWhole } from './atomic.ts';
import type { Command } from './command.ts';
import { command, cut, joined, steps } from './command.ts';
import { demandRange, refuseProtection, setRange } from './ranges.ts';
import { INVALID_FIELD_IN_LIST, illegal, invalidCdb, shortList } from './refusal.ts';
import type { Task } from './task.ts';
import { UNMAP_DESCRIPTORS_MAX } from './vpd.ts';

const UNMAP = 0x08;
const ANCHOR = 0x10;
const NDOB = 0x01;
/** Bytes of one request: long runs can be given up between two of them. */
const RUN = 0x4000000;
/** Unmapping takes no time for each of its bytes. */
const UNMAP_RUN = 0x40000000;
/** Descriptors of one GET LBA STATUS answer. */
const STATUS_DESCRIPTORS_MAX = 256;

/**
 * WRITE SAME, SBC-4 sections 5.52 and 5.53; a count of zero is all that follows. With UNMAP the blocks are
 * unmapped whatever the data-out holds (its table of ANCHOR and UNMAP bits), as targets in use do.
 */
function prepareSame(isLong: boolean): Command['prepare'] {
  return (task, cdb) => {
    const flags = cdb[1];
    const lbn = isLong ? u64(cdb, 2) : u32(cdb, 2);
    const blocks = isLong ? u32(cdb, 10) : u16(cdb, 7);
    refuseProtection(flags);
    if ((flags & ANCHOR) !== 0) throw invalidCdb(1, 4);
    if ((flags & UNMAP) !== 0 && !task.unit.isThin) throw invalidCdb(1, 3);
    // SBC-2's PBDATA and LBDATA are obsolete.
    if ((flags & 0x06) !== 0) throw invalidCdb(1, 2);
    if (!isLong && (flags & NDOB) !== 0) throw invalidCdb(1, 0);
    setRange(task, lbn, blocks);
    if (blocks === 0) task.blocks = task.unit.blocks - lbn;
    task.detail = flags;
    task.takes = (flags & NDOB) !== 0 ? 0 : task.unit.blockSize;
    demandWhole(task, 1);
  };
}

function* writeSame(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { blockSize, modes } = task.unit;
  const length = task.blocks * blockSize;
  const block = joined(dataOut);
  if ((task.detail & NDOB) === 0 && block.length !== blockSize) throw shortList();
  const isZero = block.every((byte) => byte === 0);
  const unmaps = (task.detail & UNMAP) !== 0;
  const payload: Payload = isZero ? 'zeros' : { fill: block };
  // One request is durable by itself, many by one flush after the last.
  const fua = !modes.writeCache && length <= RUN;
  for (let at = 0; at < length; at += RUN) {
    const offset = task.lbn * blockSize + at;
    const run = Math.min(RUN, length - at);
    if (unmaps) yield { kind: 'unmap', offset, length: run };
    else yield { kind: 'write', pieces: [{ offset, length: run, payload }], fua };
  }
  if (!modes.writeCache && (unmaps || length > RUN) && length > 0) yield { kind: 'flush' };
  return task.done();
}

function prepareUnmap(task: Task, cdb: Uint8Array): void {
  if ((cdb[1] & 0x01) !== 0) throw invalidCdb(1, 0);
  const length = u16(cdb, 7);
  if (length > 0 && length < 8) throw shortList();
  task.takes = length;
}

/** UNMAP, SBC-4 section 5.35: nothing is unmapped unless every descriptor may be. */
function* unmap(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  const { unit } = task;
  const list = joined(dataOut);
  if (list.length < task.takes) throw shortList();
  if (list.length >= 8 && u16(list, 2) > UNMAP_DESCRIPTORS_MAX * 16) throw illegal(INVALID_FIELD_IN_LIST);
  const extents = parseUnmap(list, 0, list.length);
  if (isParseFault(extents)) throw extents.offset === list.length ? shortList() : illegal(0x2100);
  for (const { lbn, blocks } of extents) demandRange(unit, lbn, blocks);
  for (const { lbn, blocks } of extents) {
    const length = blocks * unit.blockSize;
    for (let at = 0; at < length; at += UNMAP_RUN) {
      yield { kind: 'unmap', offset: lbn * unit.blockSize + at, length: Math.min(UNMAP_RUN, length - at) };
    }
  }
  if (extents.length > 0 && !unit.modes.writeCache) yield { kind: 'flush' };
  return task.done();
}

function prepareStatus(task: Task, cdb: Uint8Array): void {
  const lbn = u64(cdb, 2);
  // The address has to be one that is there (SBC-4 section 5.6.1).
  demandRange(task.unit, lbn, 1);
  task.lbn = lbn;
  task.detail = u32(cdb, 10);
}

/** GET LBA STATUS(16), SBC-4 section 5.6: runs of mapped and of deallocated blocks from the LBA on. */
function* lbaStatus(task: Task): DeviceSteps {
  const { unit } = task;
  const fits = Math.max(1, Math.min(STATUS_DESCRIPTORS_MAX, Math.floor((task.detail - 8) / 16)));
  const offset = task.lbn * unit.blockSize;
  const end = unit.blocks * unit.blockSize;
  const mapped = unit.isThin
    ? ((yield { kind: 'mapped', offset, length: end - offset, max: fits }) as readonly (readonly [number, number])[])
    : [[offset, end - offset] as const];
  const runs = statusRuns(mapped, task.lbn, unit.blocks, unit.blockSize, fits);
  const bytes = new Uint8Array(8 + runs.length * 16);
  put32(bytes, 0, bytes.length - 4);
  for (const [i, run] of runs.entries()) {
    const at = 8 + i * 16;
    put32(bytes, at, Math.floor(run.lbn / 0x100000000));
    put32(bytes, at + 4, run.lbn % 0x100000000);
    put32(bytes, at + 8, run.blocks);
    bytes[at + 12] = run.isMapped ? 0 : 1;
  }
  return { status: 0, dataIn: [cut(bytes, task.detail)] };
}

interface StatusRun {
  lbn: number;
  blocks: number;
  isMapped: boolean;
}

const BLOCKS_MAX = 0xffffffff;

/**
 * Mapped runs of bytes as runs of blocks with what lies between them; a block of which any byte is mapped is mapped. What
 * follows the last of `max` mapped runs is not known, and left out.
 */
export function statusRuns(
  mapped: readonly (readonly [number, number])[],
  from: number,
  blocks: number,
  blockSize: number,
  max: number,
): StatusRun[] {
  const runs: StatusRun[] = [];
  let next = from;
  const push = (end: number, isMapped: boolean): void => {
    while (next < end) {
      const count = Math.min(end - next, BLOCKS_MAX);
      const last = runs.at(-1);
      if (last !== undefined && last.isMapped === isMapped && last.blocks + count <= BLOCKS_MAX) last.blocks += count;
      else runs.push({ lbn: next, blocks: count, isMapped });
      next += count;
    }
  };
  for (const [offset, length] of mapped) {
    push(Math.max(next, Math.min(blocks, Math.floor(offset / blockSize))), false);
    push(Math.min(blocks, Math.ceil((offset + length) / blockSize)), true);
  }
  if (mapped.length < max) push(blocks, false);
  return runs.slice(0, max);
}

const writes = { access: 'writes', medium: true, writes: true } as const;
const LBN_8 = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

export const thinCommands: readonly Command[] = [
  command([0x41, 0xf8, 0xff, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x04], writes, prepareSame(false), steps(writeSame)),
  command([0x93, 0xf9, ...LBN_8, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04], writes, prepareSame(true), steps(writeSame)),
  command(
    [0x42, 0x01, 0, 0, 0, 0, 0x3f, 0xff, 0xff, 0x04],
    { ...writes, offered: (unit) => unit.isThin },
    prepareUnmap,
    steps(unmap),
  ),
  command(
    [0x9e, 0x12, ...LBN_8, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
    { action: 0x12, access: 'reads', medium: true },
    prepareStatus,
    steps(lbaStatus),
  ),
];
