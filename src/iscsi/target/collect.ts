import { FINAL } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import type { Request } from './request.ts';
import { type Asked, DataFailure, type Task } from './task.ts';

/**
 * A command's data-out: immediate, unsolicited and asked for (RFC 7143 sections 4.2.4.2, 11.7 and 11.8). Data comes in order
 * within a sequence, as DataPDUInOrder=Yes is always settled. What breaks the rules fails the command, once nothing of it is on
 * its way any more: a status may not overtake the data (section 11.4.2).
 */

/** What the command's own request says: how much data comes unasked, up to `burst` bytes of it. */
export function startData(task: Task, burst: number, immediateLength: number, final: boolean): void {
  const { initialR2T, immediateData } = task.session.parameters;
  task.unsolicitedOpen = !final && task.dataOut > 0;
  task.unsolicitedAt = immediateLength;
  task.unsolicitedEnd = burst;
  task.askedTo = immediateLength;
  if (immediateLength > 0 && (task.dataOut === 0 || !immediateData)) task.failure = DataFailure.unexpected;
  else if (immediateLength > burst) task.failure = DataFailure.amount;
  else if (task.unsolicitedOpen && initialR2T) task.failure = DataFailure.unexpected;
}

/** Asks for more, as long as as many R2Ts may be outstanding (MaxOutstandingR2T, MaxBurstLength). */
export function askMore(task: Task): void {
  const { maxBurstLength, maxOutstandingR2T } = task.session.parameters;
  const { connection } = task;
  if (task.r2tSn === 0) task.asked = [];
  while (task.askedTo < task.need && task.asked.length < maxOutstandingR2T) {
    const length = Math.min(task.need - task.askedTo, maxBurstLength);
    const ttt = connection.nextTag();
    connection.wire.r2t(task, ttt, task.askedTo, length);
    task.asked.push({ ttt, offset: task.askedTo, length, got: 0, dataSn: 0 });
    task.r2tSn++;
    task.askedTo += length;
  }
}

/** Where the data of a Data-Out is to land, or that there is no such transfer. */
export type DataPlace = 'lands' | 'dropped' | 'unknown';

/** A Data-Out's header. With `lands`, its data belongs at its buffer offset. */
export function dataHeader(task: Task, request: Request): DataPlace {
  const ttt = request.word20;
  if (ttt === NO_TAG) return unsolicited(task, request);
  const asked = task.asked.find((each) => each.ttt === ttt);
  if (asked === undefined) return 'unknown';
  const { dataLength } = request;
  const [sn, offset] = [request.word36, request.word40];
  if (sn !== asked.dataSn || offset !== asked.offset + asked.got) fail(task, DataFailure.damaged);
  else if (dataLength > asked.length - asked.got) fail(task, DataFailure.amount);
  asked.dataSn++;
  asked.got += dataLength;
  return task.failure === 0 ? 'lands' : 'dropped';
}

function unsolicited(task: Task, request: Request): DataPlace {
  const { dataLength } = request;
  if (!task.unsolicitedOpen) fail(task, DataFailure.unexpected);
  else if (request.word36 !== task.unsolicitedSn || request.word40 !== task.unsolicitedAt)
    fail(task, DataFailure.damaged);
  else if (dataLength > task.unsolicitedEnd - task.unsolicitedAt) fail(task, DataFailure.amount);
  task.unsolicitedSn++;
  task.unsolicitedAt += dataLength;
  if (task.failure !== 0 || task.full) return 'dropped';
  task.askedTo = task.unsolicitedAt;
  return 'lands';
}

/** A Data-Out has passed: with its final bit its sequence has. */
export function dataEnd(task: Task, request: Request): void {
  const final = (request.flags & FINAL) !== 0;
  if (request.word20 === NO_TAG) {
    if (final) task.unsolicitedOpen = false;
    return;
  }
  const at = task.asked.findIndex((each) => each.ttt === request.word20);
  if (at < 0) return;
  const asked: Asked = task.asked[at];
  if (final && asked.got < asked.length) fail(task, DataFailure.amount);
  if (final || asked.got >= asked.length) task.asked.splice(at, 1);
}

/** The first thing that went wrong is what is told. */
export function fail(task: Task, failure: number): void {
  if (task.failure === 0) task.failure = failure;
}
