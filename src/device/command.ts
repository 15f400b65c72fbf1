import type { DeviceRequest, DeviceSteps } from '../base/device.ts';
import type { Access, LogicalUnit } from './logicalUnit.ts';
import type { Task } from './task.ts';
import { concat } from './text.ts';

/** What steps ask for that need nothing of the medium. */
export const NO_REQUESTS: readonly DeviceRequest[] = [];

/** A command that a logical unit carries out. */
export interface Command {
  readonly opcode: number;
  /** The service action; -1 where the opcode has none. */
  readonly action: number;
  /** CDB usage data: ones where the device server looks (SPC-5 section 6.37.3). Its length is the CDB's. */
  readonly usage: readonly number[];
  readonly access: Access;
  /** Needs a medium that is there and ready. */
  readonly medium: boolean;
  /** Changes the medium: refused where that is write protected. */
  readonly writes: boolean;
  /** Goes through unit attentions: INQUIRY, REPORT LUNS, REQUEST SENSE (SAM-6 section 5.14.4). */
  readonly calm: boolean;
  /** Goes through a reservation of RESERVE(6) and RESERVE(10) that somebody else has (SPC-2 section 5.5). */
  readonly unreserved: boolean;
  /** Also while a sanitize operation is going on (SBC-4 section 4.11.3). */
  readonly always: boolean;
  /** Where it is there only at some logical units. */
  readonly offered: ((unit: LogicalUnit) => boolean) | undefined;
  /** Reads the CDB, which is borrowed: sets what the task takes and is about. Throws a `Refusal`. */
  readonly prepare: (task: Task, cdb: Uint8Array) => void;
  /** Executes it. What it throws is the bug of somebody: it makes outcomes of everything else (`steps`). */
  readonly run: (task: Task, dataOut: readonly Uint8Array[]) => DeviceSteps;
}

interface Traits {
  readonly action?: number;
  readonly access?: Access;
  readonly medium?: boolean;
  readonly writes?: boolean;
  readonly calm?: boolean;
  readonly always?: boolean;
  readonly unreserved?: boolean;
  readonly offered?: (unit: LogicalUnit) => boolean;
}

/** Builds a command; every one has the same hidden class. */
export function command(
  usage: readonly number[],
  traits: Traits,
  prepare: Command['prepare'],
  run: Command['run'],
): Command {
  return {
    opcode: usage[0],
    action: traits.action ?? -1,
    usage,
    access: traits.access ?? 'free',
    medium: traits.medium ?? false,
    writes: traits.writes ?? false,
    calm: traits.calm ?? false,
    unreserved: traits.unreserved ?? traits.calm ?? false,
    always: traits.always ?? false,
    offered: traits.offered,
    prepare,
    run,
  };
}

/** Steps that may throw a `Refusal` or be thrown a `Fault`: both become the task's outcome. */
export function steps(body: (task: Task, dataOut: readonly Uint8Array[]) => DeviceSteps): Command['run'] {
  return function* guarded(task, dataOut): DeviceSteps {
    try {
      return yield* body(task, dataOut);
    } catch (error) {
      return task.outcomeOf(error);
    }
  };
}

/** A command that asks nothing of the medium and returns data-in. */
export function reply(body: (task: Task) => Uint8Array): Command['run'] {
  return steps(function* replied(task): DeviceSteps {
    yield* NO_REQUESTS;
    return { status: 0, dataIn: [body(task)] };
  });
}

/** A command that changes the device server's own state alone. */
export function act(body: (task: Task, dataOut: readonly Uint8Array[]) => void): Command['run'] {
  return steps(function* acted(task, dataOut): DeviceSteps {
    yield* NO_REQUESTS;
    body(task, dataOut);
    return task.done();
  });
}

/** Data-in cut at the allocation length, which is no error (SPC-5 section 4.2.5.6). */
export function cut(bytes: Uint8Array, allocationLength: number): Uint8Array {
  return bytes.length > allocationLength ? bytes.subarray(0, allocationLength) : bytes;
}

/** Data-out as one run of bytes: parameter lists are short. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  return concat(parts);
}

export function bytesOf(parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) sum += part.length;
  return sum;
}
