import { put16, put32, u32 } from '../../parsers/bytes.ts';
import type { SenseFields } from '../../parsers/scsi/senseBuild.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';

/** What EXTENDED COPY takes at most, as RECEIVE COPY OPERATING PARAMETERS and the Third-party Copy page say. */
export const PARTIES_MAX = 16;
export const SEGMENTS_MAX = 64;
export const LIST_BYTES_MAX = 0x10000;
/** A segment counts its blocks in two bytes. */
export const SEGMENT_BYTES_MAX = 0x2000000;
const RESULTS_KEPT = 16;

const IN_PROGRESS = 0x00;
const COMPLETED = 0x01;
const FAILED = 0x02;

interface CopyResult {
  status: number;
  segments: number;
  fields: SenseFields | undefined;
}

/** Copies of one nexus by their list identifiers, until they were asked for or newer ones came. */
export class CopyResults {
  readonly #results = new Map<number, CopyResult>();

  isBusy(listId: number): boolean {
    return this.#results.get(listId)?.status === IN_PROGRESS;
  }

  /** -1 is a copy without an identifier. */
  begin(listId: number): void {
    if (listId < 0) return;
    this.#results.delete(listId);
    this.#results.set(listId, { status: IN_PROGRESS, segments: 0, fields: undefined });
    for (const [id, { status }] of this.#results) {
      if (this.#results.size <= RESULTS_KEPT) return;
      if (status !== IN_PROGRESS) this.#results.delete(id);
    }
  }

  end(listId: number, segments: number, fields: SenseFields | undefined): void {
    if (listId < 0) return;
    this.#results.set(listId, { status: fields === undefined ? COMPLETED : FAILED, segments, fields });
  }

  /** A copy that neither ended nor failed by itself: it was aborted, or its medium failed. */
  giveUp(listId: number, segments: number): void {
    if (this.isBusy(listId)) this.#results.set(listId, { status: FAILED, segments, fields: undefined });
  }

  /** Told once (SPC-5 section 6.22). */
  take(listId: number): CopyResult | undefined {
    const result = this.#results.get(listId);
    if (result !== undefined && result.status !== IN_PROGRESS) this.#results.delete(listId);
    return result;
  }

  /** A copy that failed, whose details are told once. */
  takeFailed(listId: number): CopyResult | undefined {
    return this.#results.get(listId)?.status === FAILED ? this.take(listId) : undefined;
  }
}

/** RECEIVE COPY STATUS(LID1), SPC-5 section 6.22. */
function copyStatus(task: Task): Uint8Array {
  const result = task.seat.copies.take(task.cdb[2]);
  if (result === undefined) throw invalidCdb(2, 7);
  const bytes = new Uint8Array(12);
  put32(bytes, 0, 8);
  bytes[4] = result.status;
  put16(bytes, 5, result.segments);
  return bytes;
}

/** RECEIVE COPY FAILURE DETAILS(LID1), SPC-5 section 6.20. */
function failureDetails(task: Task): Uint8Array {
  const result = task.seat.copies.takeFailed(task.cdb[2]);
  if (result === undefined) throw invalidCdb(2, 7);
  const sense = result.fields === undefined ? new Uint8Array(0) : task.unit.sense(result.fields);
  const bytes = new Uint8Array(60 + sense.length);
  put32(bytes, 0, bytes.length - 4);
  bytes[56] = 0x02;
  put16(bytes, 58, sense.length);
  bytes.set(sense, 60);
  return bytes;
}

/** RECEIVE COPY OPERATING PARAMETERS, SPC-5 section 6.21. */
function operatingParameters(task: Task): Uint8Array {
  const bytes = new Uint8Array(46);
  put32(bytes, 0, bytes.length - 4);
  // SNLID: copies without a list identifier are supported.
  bytes[4] = 0x01;
  put16(bytes, 8, PARTIES_MAX);
  put16(bytes, 10, SEGMENTS_MAX);
  put32(bytes, 12, LIST_BYTES_MAX);
  put32(bytes, 16, SEGMENT_BYTES_MAX);
  put16(bytes, 34, RESULTS_KEPT);
  bytes[36] = RESULTS_KEPT;
  bytes[37] = Math.log2(task.unit.blockSize);
  bytes[43] = 2;
  bytes.set([0x02, 0xe4], 44);
  return bytes;
}

const prepare: Command['prepare'] = (task, cdb) => {
  task.cdb = copyOf(cdb, 0, 16);
};

function receiver(action: number, body: (task: Task) => Uint8Array): Command {
  const usage = [0x84, action, action === 3 ? 0 : 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04];
  return command(
    usage,
    { action, access: 'reads' },
    prepare,
    reply((task) => cut(body(task), u32(task.cdb, 10))),
  );
}

export const copyResultCommands: readonly Command[] = [
  receiver(0x00, copyStatus),
  receiver(0x03, operatingParameters),
  receiver(0x04, failureDetails),
];
