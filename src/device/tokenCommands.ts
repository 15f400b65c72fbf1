import { put24, u32 } from '../../parsers/bytes.ts';
import type { Extent } from '../../parsers/scsi/bytes.ts';
import { TYPE_NAA } from '../../parsers/scsi/designator.ts';
import type { UsingList } from '../../parsers/scsi/token.ts';
import { CHANGE_VULNERABLE, parsePopulate, parseUsing, tokenBytes, ZERO_ROD } from '../../parsers/scsi/token.ts';
import type { DeviceAnswer, DeviceRequest, DeviceSteps } from '../base/device.ts';
import { isParseFault } from '../base/fault.ts';
import type { Command } from './command.ts';
import { command, joined, NO_REQUESTS, steps } from './command.ts';
import { LIST_BYTES_MAX } from './copyResults.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { demandRange } from './ranges.ts';
import { illegal, invalidList, shortList } from './refusal.ts';
import type { Task } from './task.ts';
import { hexBytes } from './text.ts';
import { COMPLETED, FAILED, PARTIAL_TOKEN, RESIDUAL_DATA, tokenResultCommand } from './tokenResults.ts';
import type { Token } from './tokens.ts';
import { overlap, sliceRanges, TOKEN_BYTES_MAX, TOKEN_RANGES_MAX } from './tokens.ts';

const POPULATE = 0x10;
const USING = 0x11;
const TOKEN_NOT_USABLE = 0x2300;
const TYPE_NOT_SUPPORTED = 0x2301;
const TOKEN_UNKNOWN = 0x2304;
const TOKEN_REVOKED = 0x2306;
const TOKEN_LENGTH_WRONG = 0x230a;
const TOO_MANY_SEGMENTS = 0x2608;
const CHUNK = 0x100000;

function prepare(task: Task, cdb: Uint8Array): void {
  const length = u32(cdb, 10);
  if (length > LIST_BYTES_MAX) throw shortList();
  task.takes = length;
  task.detail = u32(cdb, 6);
}

/** Ranges that may be copied from or to: there, few enough, each block once. */
function demandRanges(unit: LogicalUnit, ranges: readonly Extent[], count: number, at: number): void {
  if (count === 0) throw invalidList(at);
  if (count > TOKEN_RANGES_MAX) throw illegal(TOO_MANY_SEGMENTS);
  for (const { lbn, blocks } of ranges) demandRange(unit, lbn, blocks);
  const blocks = ranges.reduce((sum, range) => sum + range.blocks, 0);
  if (overlap(ranges) || blocks * unit.blockSize > TOKEN_BYTES_MAX) throw invalidList(at);
}

/** POPULATE TOKEN, SBC-4 section 5.12: nothing is read; the token is good until one of its blocks changes. */
function* populate(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  yield* NO_REQUESTS;
  if (task.takes === 0) return task.done();
  const { unit } = task;
  const bytes = joined(dataOut);
  const list = bytes.length < task.takes ? undefined : parsePopulate(bytes);
  if (list === undefined || isParseFault(list)) throw shortList();
  if (list.wantsType && list.type !== 0 && list.type !== CHANGE_VULNERABLE) throw illegal(TYPE_NOT_SUPPORTED);
  demandRanges(unit, list.ranges, list.count, 14);
  const token = unit.place.tokens.create(unit, list.ranges);
  const represented = token.blocks * unit.blockSize;
  task.seat.tokens.set(task.detail, {
    action: POPULATE,
    status: COMPLETED,
    transferred: token.blocks,
    token: tokenBytes(CHANGE_VULNERABLE, token.id, creator(unit), represented),
  });
  return task.done();
}

/** Identification CSCD descriptor of a unit, SPC-5 section 6.4.5.2. */
function creator(unit: LogicalUnit): Uint8Array {
  const bytes = new Uint8Array(32);
  // Twenty bytes at most: those of a first volume, which a mirror may bear, can be longer.
  const name = hexBytes(unit.identity.naa);
  bytes[0] = 0xe4;
  bytes[4] = 1;
  bytes[5] = TYPE_NAA;
  bytes[7] = name.length;
  bytes.set(name, 8);
  put24(bytes, 29, unit.blockSize);
  return bytes;
}

/** WRITE USING TOKEN, SBC-4 section 5.59: GOOD says that it is done, with IMMED too. */
function* writeUsing(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  if (task.takes === 0) return task.done();
  const { unit, seat, detail } = task;
  const bytes = joined(dataOut);
  const list = bytes.length < task.takes ? undefined : parseUsing(bytes);
  if (list === undefined || isParseFault(list)) throw shortList();
  demandRanges(unit, list.ranges, list.count, 534);
  const token = list.type === ZERO_ROD ? undefined : tokenOf(task, list);
  const asked = list.ranges.reduce((sum, range) => sum + range.blocks, 0);
  const given = token === undefined ? asked : Math.min(asked, token.blocks - list.offset);
  const result = { action: USING, status: FAILED, transferred: 0, token: undefined };
  seat.tokens.set(detail, result);
  if (token === undefined) yield* zero(unit, list.ranges);
  else yield* copyRanges(token, list.offset, given, unit, list.ranges);
  if (!unit.modes.writeCache && given > 0) yield { kind: 'flush' };
  if (token !== undefined && list.deletes) unit.place.tokens.delete(token.id);
  const isPartial = token !== undefined && given < token.blocks;
  const status = given < asked ? RESIDUAL_DATA : isPartial ? PARTIAL_TOKEN : COMPLETED;
  seat.tokens.set(detail, { ...result, status, transferred: given });
  return task.done();
}

/** The token that a list holds, of data that the host may read. */
function tokenOf(task: Task, list: UsingList): Token {
  if (list.type !== CHANGE_VULNERABLE) throw illegal(TYPE_NOT_SUPPORTED);
  if (!list.hasOurLength) throw illegal(TOKEN_LENGTH_WRONG);
  const token = task.unit.place.tokens.find(list.id);
  if (token === undefined || !task.unit.place.units().includes(token.unit)) throw illegal(TOKEN_UNKNOWN);
  if (token.isRevoked) throw illegal(TOKEN_REVOKED);
  if (token.unit.blockSize !== task.unit.blockSize) throw illegal(TOKEN_NOT_USABLE);
  if (list.offset >= token.blocks) throw invalidList(8, 7);
  token.unit.admit(token.unit.seat(task.nexus), { access: 'reads', unreserved: false });
  return token;
}

type Asking = Generator<DeviceRequest, void, DeviceAnswer>;

function* zero(unit: LogicalUnit, ranges: readonly Extent[]): Asking {
  for (const { lbn, blocks } of ranges) {
    const [offset, length] = [lbn * unit.blockSize, blocks * unit.blockSize];
    unit.place.tokens.touch(unit, lbn, blocks);
    if (unit.isThin) yield { kind: 'unmap', offset, length };
    else yield { kind: 'write', pieces: [{ offset, length, payload: 'zeros' }], fua: false };
  }
}

/** In pieces that lie in one range here and there. What is read of a token that was revoked meanwhile is not written. */
function* copyRanges(token: Token, from: number, blocks: number, to: LogicalUnit, ranges: readonly Extent[]): Asking {
  const size = to.blockSize;
  const most = Math.floor(CHUNK / size);
  let done = 0;
  while (done < blocks) {
    const [source] = sliceRanges(token.ranges, from + done, Math.min(most, blocks - done));
    const [target] = sliceRanges(ranges, done, source.blocks);
    const length = target.blocks * size;
    const bytes = (yield { kind: 'read', offset: source.lbn * size, length, lu: token.unit.key }) as Uint8Array;
    if (token.isRevoked) throw illegal(TOKEN_REVOKED);
    to.place.tokens.touch(to, target.lbn, target.blocks);
    yield { kind: 'write', pieces: [{ offset: target.lbn * size, length, payload: [bytes] }], fua: false };
    done += target.blocks;
  }
}

const usage = (action: number): number[] => [
  0x83,
  action,
  0,
  0,
  0,
  0,
  0xff,
  0xff,
  0xff,
  0xff,
  0xff,
  0xff,
  0xff,
  0xff,
  0,
  0x04,
];

export const tokenCommands: readonly Command[] = [
  command(usage(POPULATE), { action: POPULATE, access: 'reads', medium: true }, prepare, steps(populate)),
  command(usage(USING), { action: USING, access: 'writes', medium: true, writes: true }, prepare, steps(writeUsing)),
  tokenResultCommand,
];
