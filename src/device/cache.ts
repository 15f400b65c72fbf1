import type { DeviceSteps } from '../base/device.ts';
import type { Command } from './command.ts';
import { command, NO_REQUESTS, steps } from './command.ts';
import { takeRange } from './ranges.ts';
import type { Task } from './task.ts';

const CONDITION_MET = 0x04;
const FLUSH = Object.freeze({ kind: 'flush' as const });

/**
 * SYNCHRONIZE CACHE, SBC-4 sections 5.33 and 5.34. All of the cache is written whatever the range is, and IMMED does not
 * make it earlier: GOOD says that it is done.
 */
function* synchronize(task: Task): DeviceSteps {
  yield FLUSH;
  return task.done();
}

/** PRE-FETCH, SBC-4 sections 5.13 and 5.14: there is room for all of it in the system's own cache, or none is needed. */
function* prefetch(): DeviceSteps {
  yield* NO_REQUESTS;
  return { status: CONDITION_MET };
}

const medium = { medium: true } as const;

export const cacheCommands: readonly Command[] = [
  command(
    [0x35, 0x02, 0xff, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x04],
    { ...medium, access: 'writes' },
    (task, cdb) => takeRange(task, cdb, 10),
    steps(synchronize),
  ),
  command(
    [0x91, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04],
    { ...medium, access: 'writes' },
    (task, cdb) => takeRange(task, cdb, 16),
    steps(synchronize),
  ),
  command(
    [0x34, 0x02, 0xff, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0x04],
    { ...medium, access: 'reads' },
    (task, cdb) => takeRange(task, cdb, 10),
    steps(prefetch),
  ),
  command(
    [0x90, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x04],
    { ...medium, access: 'reads' },
    (task, cdb) => takeRange(task, cdb, 16),
    steps(prefetch),
  ),
];
