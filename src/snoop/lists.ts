import { parseCopyLid1, parseCopyLid4, parseWriteUsingToken } from '../../parsers/scsi/copy.ts';
import { designatorWords, globallyUnique } from '../../parsers/scsi/designator.ts';
import { parseReassign } from '../../parsers/scsi/reassign.ts';
import { parseScattered } from '../../parsers/scsi/scattered.ts';
import { parseUnmap } from '../../parsers/scsi/unmap.ts';
import { isParseFault } from '../base/fault.ts';
import type { Task } from './task.ts';

/** Blocks on an LU that is named by its designator. */
export interface FarExtent {
  identity: string;
  unique: boolean;
  first: number;
  end: number;
}

/** What a parameter list says will change. */
export interface ListedExtents {
  /** Pairs [first, end) on the LU that got the command. */
  own: number[];
  others: FarExtent[];
  /** Blocks that the list does not tell: the whole LU (or, for a copy, any LU) may change. */
  unknown: boolean;
  /** GOOD will come before the work is done. */
  immed: boolean;
}

/** True for commands whose extents stand in their parameter list. */
export function hasList(task: Task): boolean {
  switch (task.cdb.operation.effect) {
    case 'unmap':
    case 'scattered':
    case 'token':
    case 'xcopy':
    case 'reassign':
      return true;
    default:
      return false;
  }
}

/** Bytes of the data-out that are the parameter list of `task`; data may follow it. */
export function listBytes(task: Task): number {
  const { cdb, edtl } = task;
  if (cdb.operation.effect === 'scattered') return Math.min(edtl, 32 + cdb.descriptors * 32);
  return cdb.parameterListLength < 0 ? edtl : Math.min(edtl, cdb.parameterListLength);
}

/** Reads the complete parameter list of `task`; undefined when it cannot be read. */
export function readList(task: Task): ListedExtents | undefined {
  const list = task.small;
  if (list === undefined) return undefined;
  const { cdb } = task;
  const length = Math.min(list.length, listBytes(task));
  const out: ListedExtents = { own: [], others: [], unknown: false, immed: false };
  switch (cdb.operation.effect) {
    case 'unmap': {
      const extents = parseUnmap(list, 0, length);
      if (isParseFault(extents)) return undefined;
      for (const e of extents) out.own.push(e.lbn, e.lbn + e.blocks);
      return out;
    }
    case 'scattered': {
      const extents = parseScattered(list, 0, length, cdb.descriptors);
      if (isParseFault(extents)) return undefined;
      for (const e of extents) out.own.push(e.lbn, e.lbn + e.blocks);
      return out;
    }
    case 'reassign': {
      const lbns = parseReassign(list, 0, length, cdb.longLba, cdb.longList);
      if (isParseFault(lbns)) return undefined;
      for (const lbn of lbns) out.own.push(lbn, lbn + 1);
      return out;
    }
    case 'token': {
      const plan = parseWriteUsingToken(list, 0, length);
      if (isParseFault(plan)) return undefined;
      for (const e of plan.extents) out.own.push(e.lbn, e.lbn + e.blocks);
      out.immed = plan.immed;
      return out;
    }
    case 'xcopy': {
      const plan = cdb.serviceAction === 1 ? parseCopyLid4(list, 0, length) : parseCopyLid1(list, 0, length);
      if (isParseFault(plan)) return undefined;
      out.unknown = plan.unknown;
      out.immed = plan.immed;
      for (const d of plan.destinations) {
        if (d.lu === 'self') out.own.push(d.lbn, d.lbn + d.blocks);
        else {
          const identity = designatorWords(d.lu);
          out.others.push({ identity, unique: globallyUnique(d.lu), first: d.lbn, end: d.lbn + d.blocks });
        }
      }
      return out;
    }
    default:
      return undefined;
  }
}
