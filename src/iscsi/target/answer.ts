import { put16 } from '../../../parsers/bytes.ts';
import { FINAL, OVERFLOW, STATUS, UNDERFLOW } from '../../../parsers/iscsi/headers.ts';
import { putDataIn, putScsiResponse } from '../../../parsers/iscsi/responses.ts';
import type { DeviceOutcome } from '../../base/device.ts';
import type { Task } from './task.ts';
import type { TargetWire } from './wire.ts';

export const GOOD = 0x00;
export const CHECK_CONDITION = 0x02;
export const TASK_SET_FULL = 0x28;
export const TASK_ABORTED = 0x40;

/** SPC-5 section 4.4.3: fixed format, ABORTED COMMAND with these additional codes. */
export function abortedSense(codes: number): Uint8Array {
  const sense = new Uint8Array(18);
  sense[0] = 0x70;
  sense[2] = 0x0b;
  sense[7] = 10;
  put16(sense, 12, codes);
  return sense;
}

/**
 * Sends what a command came to: its data-in, in sequences of at most MaxBurstLength, and its status, in the last Data-In
 * where that may be (RFC 7143 sections 11.4 and 11.7). The outcome's bytes are referred to from here on.
 */
export function answer(task: Task, outcome: DeviceOutcome): void {
  const { status, sense, dataIn } = outcome;
  const { wire } = task.connection;
  const produced = dataIn === undefined ? 0 : total(dataIn);
  const sends = Math.min(produced, task.dataIn);
  const bidirectional = task.dataOut > 0 && task.dataIn > 0;
  const inWanted = task.dataOut > 0 ? produced : (outcome.wanted ?? produced);
  // The residual count is that of the data-out of a command that has both (section 11.4.5).
  const residual =
    task.dataOut > 0 ? (outcome.wanted ?? task.task.takes) - task.dataOut : inWanted - Math.max(task.dataIn, 0);
  const collapses = sends > 0 && status === GOOD && sense === undefined && !bidirectional;
  let dataSn = 0;
  if (sends > 0) {
    task.parts = dataIn as readonly Uint8Array[];
    task.outBytes = produced;
    dataSn = sendData(wire, task, sends, collapses, residual);
  }
  if (collapses) return;
  respond(wire, task, outcome, residual, bidirectional ? inWanted - task.dataIn : 0, dataSn);
}

/** Returns the number of Data-In PDUs. */
function sendData(wire: TargetWire, task: Task, length: number, collapses: boolean, residual: number): number {
  const { out } = wire;
  const { sendSegmentMax } = task.connection;
  const { maxBurstLength } = task.session.parameters;
  let dataSn = 0;
  let at = 0;
  let burst = 0;
  while (at < length) {
    const n = Math.min(length - at, sendSegmentMax, maxBurstLength - burst);
    burst += n;
    const last = at + n === length;
    const final = last || burst === maxBurstLength;
    const header = out.begin();
    if (last && collapses) {
      putDataIn(out.slab, header, FINAL | STATUS | flags(residual), GOOD, n, task.tag, dataSn, at, Math.abs(residual));
      wire.finish(header, true);
    } else {
      putDataIn(out.slab, header, final ? FINAL : 0, 0, n, task.tag, dataSn, at, 0);
      wire.finishData(header);
    }
    out.payload(task, n);
    if (final) burst = 0;
    dataSn++;
    at += n;
  }
  return dataSn;
}

function respond(
  wire: TargetWire,
  task: Task,
  { status, sense }: DeviceOutcome,
  residual: number,
  bidirectionalResidual: number,
  dataSn: number,
): void {
  const { out } = wire;
  const segment = sense === undefined ? undefined : senseSegment(sense);
  // The bits of the other direction stand two higher (section 11.4.1).
  const bits = flags(residual) | (flags(bidirectionalResidual) << 2);
  const at = out.begin();
  putScsiResponse(
    out.slab,
    at,
    bits,
    status,
    segment?.length ?? 0,
    task.tag,
    dataSn + task.r2tSn,
    Math.abs(bidirectionalResidual),
    Math.abs(residual),
  );
  wire.finish(at, true);
  if (segment) out.text(segment);
}

function flags(residual: number): number {
  return residual === 0 ? 0 : residual > 0 ? OVERFLOW : UNDERFLOW;
}

/** SenseLength and the sense data (section 11.4.7.2). */
function senseSegment(sense: Uint8Array): Uint8Array {
  const segment = new Uint8Array(2 + sense.length);
  put16(segment, 0, sense.length);
  segment.set(sense, 2);
  return segment;
}

function total(parts: readonly Uint8Array[]): number {
  let bytes = 0;
  for (let i = 0; i < parts.length; i++) bytes += parts[i].length;
  return bytes;
}
