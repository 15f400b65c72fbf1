import { u32 } from '../../parsers/bytes.ts';
import type { CopyList, CopyParty, CopySegment } from '../../parsers/scsi/copyList.ts';
import { parseCopyList } from '../../parsers/scsi/copyList.ts';
import type { DeviceAnswer, DeviceRequest, DeviceSteps } from '../base/device.ts';
import { isParseFault } from '../base/fault.ts';
import type { Command } from './command.ts';
import { command, joined, steps } from './command.ts';
import { copyResultCommands, LIST_BYTES_MAX, PARTIES_MAX, SEGMENTS_MAX } from './copyResults.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { check, INVALID_FIELD_IN_LIST, illegal, Refusal, shortList } from './refusal.ts';
import type { Task } from './task.ts';
import { luDesignators } from './vpd.ts';

const COPY_ABORTED = 0xa;
const NO_ADDITIONAL_SENSE = 0x0000;
const UNREACHABLE = 0x0804;
const TOO_MANY_PARTIES = 0x2606;
const PARTY_NOT_SUPPORTED = 0x2607;
const TOO_MANY_SEGMENTS = 0x2608;
const SEGMENT_NOT_SUPPORTED = 0x2609;
const IDENTIFICATION = 0xe4;
const BLOCK_TO_BLOCK = 0x02;
const WITHOUT_LIST_ID = 3;
/** Bytes that are read and written at once. */
const CHUNK = 0x100000;

function prepare(task: Task, cdb: Uint8Array): void {
  const length = u32(cdb, 10);
  if (length > LIST_BYTES_MAX) throw shortList();
  task.takes = length;
}

/** EXTENDED COPY(LID1), SPC-5 section 6.5: block to block within the logical units of this device. */
function* extendedCopy(task: Task, dataOut: readonly Uint8Array[]): DeviceSteps {
  if (task.takes === 0) return task.done();
  const bytes = joined(dataOut);
  if (bytes.length < task.takes) throw shortList();
  const list = parseCopyList(bytes);
  if (isParseFault(list)) throw shortList();
  validate(list);
  const results = task.seat.copies;
  const listId = list.listIdUsage === WITHOUT_LIST_ID ? -1 : list.listId;
  if (listId >= 0 && results.isBusy(listId)) throw illegal(INVALID_FIELD_IN_LIST);
  let done = 0;
  try {
    results.begin(listId);
    for (const segment of list.segments) {
      yield* copySegment(task, list.parties, segment);
      done += 1;
    }
    results.end(listId, done, undefined);
  } catch (error) {
    if (error instanceof Refusal && error.fields !== undefined) results.end(listId, done, error.fields);
    throw error;
  } finally {
    results.giveUp(listId, done);
  }
  return task.done();
}

/** Everything that is wrong before anything is copied. */
function validate({ parties, segments }: CopyList): void {
  if (parties.length > PARTIES_MAX) throw illegal(TOO_MANY_PARTIES);
  if (segments.length > SEGMENTS_MAX) throw illegal(TOO_MANY_SEGMENTS);
  if (parties.some(({ type }) => type !== IDENTIFICATION)) throw illegal(PARTY_NOT_SUPPORTED);
  if (segments.some(({ type }) => type !== BLOCK_TO_BLOCK)) throw illegal(SEGMENT_NOT_SUPPORTED);
}

function* copySegment(
  task: Task,
  parties: readonly CopyParty[],
  segment: CopySegment,
): Generator<DeviceRequest, void, DeviceAnswer> {
  const from = reach(task, parties[segment.source]);
  const to = reach(task, parties[segment.destination]);
  const length = segment.blocks * (segment.countsDestination ? to.blockSize : from.blockSize);
  demand(task, from, segment.sourceLbn, length, 'reads');
  demand(task, to, segment.destinationLbn, length, 'writes');
  for (let at = 0; at < length; at += CHUNK) {
    const run = Math.min(CHUNK, length - at);
    const offset = segment.destinationLbn * to.blockSize + at;
    const bytes = (yield {
      kind: 'read',
      offset: segment.sourceLbn * from.blockSize + at,
      length: run,
      lu: from.key,
    }) as Uint8Array;
    if (to.hasTokens) to.place.tokens.touch(to, offset / to.blockSize, Math.ceil(run / to.blockSize));
    yield { kind: 'write', pieces: [{ offset, length: run, payload: [bytes] }], fua: false, lu: to.key };
  }
  if (!to.modes.writeCache && length > 0) yield { kind: 'flush', lu: to.key };
}

/** The logical unit that a descriptor names. */
function reach(task: Task, party: CopyParty | undefined): LogicalUnit {
  if (party === undefined || party.isNull) throw check(COPY_ABORTED, UNREACHABLE);
  const found = task.unit.place.units().find((unit) => isNamed(unit, party));
  if (found === undefined) throw check(COPY_ABORTED, UNREACHABLE);
  return found;
}

function isNamed(unit: LogicalUnit, party: CopyParty): boolean {
  if (party.association !== 0) return false;
  return luDesignators(unit).some(
    ({ type, bytes }) => type === party.designatorType && Buffer.compare(bytes, party.designator) === 0,
  );
}

/** What would be refused if the host asked for it itself is not copied either. */
function demand(task: Task, unit: LogicalUnit, lbn: number, length: number, access: 'reads' | 'writes'): void {
  const isWhole = length % unit.blockSize === 0;
  const isThere = lbn >= 0 && lbn + length / unit.blockSize <= unit.blocks;
  if (!isWhole || !isThere) throw check(COPY_ABORTED, NO_ADDITIONAL_SENSE);
  if (!unit.isReady || (access === 'writes' && unit.isWriteProtected)) throw check(COPY_ABORTED, NO_ADDITIONAL_SENSE);
  unit.admit(unit.seat(task.nexus), { access, unreserved: false });
}

export const copyCommands: readonly Command[] = [
  command(
    [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
    { action: 0x00, access: 'writes', medium: true },
    prepare,
    steps(extendedCopy),
  ),
  ...copyResultCommands,
];
