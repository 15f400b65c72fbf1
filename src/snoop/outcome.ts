import { MISCOMPARE, type Outcome, outcomeOf, type SenseData } from '../../parsers/scsi/sense.ts';
import type { Sense } from '../base/command.ts';
import type { Journal } from './lu/journal.ts';
import type { Task } from './task.ts';

const CHECK_CONDITION = 2;

/** Requirement B2; a MISCOMPARE of WRITE AND VERIFY comes after the blocks were written (SBC-4 section 5.44). */
export function outcomeOfWrite(task: Task, status: number, sense: Sense | SenseData | undefined = task.sense): Outcome {
  const { operation } = task.cdb;
  if (status === CHECK_CONDITION && sense?.key === MISCOMPARE && operation.durable) return 'doubt';
  return outcomeOf(status, sense);
}

/** SYNCHRONIZE CACHE ended in GOOD: what it covers is on the medium. */
export function synchronised(task: Task, journal: Journal): void {
  const { lu, cdb } = task;
  if (cdb.immed) return;
  const whole = cdb.lbn === 0 && cdb.toEnd;
  const end = cdb.toEnd ? Number.POSITIVE_INFINITY : cdb.lbn + cdb.blocks;
  if (lu.alias !== undefined) return;
  if (whole) lu.synchronised(task.epoch);
  else if (cdb.lbn >= 0) lu.synchronised(task.epoch, cdb.lbn, end);
  journal.barrier(lu, task.responseTime);
}
