import type { DeviceManagement } from '../../base/device.ts';
import { add32, diff32 } from '../../base/serial32.ts';
import type { Connection } from './connection.ts';
import type { Request } from './request.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

/** Task management functions, RFC 7143 section 11.5.1. */
const ABORT_TASK = 1;
const TARGET_COLD_RESET = 7;
const TASK_REASSIGN = 8;
const KINDS = {
  2: 'abortTaskSet',
  3: 'clearAca',
  4: 'clearTaskSet',
  5: 'lunReset',
  6: 'targetWarmReset',
  7: 'targetColdReset',
} as const;

/** Responses, section 11.6.1. */
const COMPLETE = 0;
const NO_TASK = 1;
const NO_LUN = 2;
const NO_REASSIGNMENT = 4;
const NOT_SUPPORTED = 5;

/** Carries out a task management request; its answer is sent once the tasks it concerns do nothing more. */
export function manage(sessions: Sessions, connection: Connection, session: Session, request: Request): void {
  const { itt, flags, cmdSn } = request;
  const task = flags & 0x7f;
  session.managing++;
  const answer = (response: number): void => {
    session.managing--;
    if (!connection.over) connection.wire.management(itt, response);
  };
  if (task === ABORT_TASK) {
    abort(sessions, session, request, answer);
    return;
  }
  if (task === TASK_REASSIGN) {
    answer(NO_REASSIGNMENT);
    return;
  }
  const kind = Object.hasOwn(KINDS, task) ? KINDS[task as keyof typeof KINDS] : undefined;
  if (kind === undefined) {
    answer(NOT_SUPPORTED);
    return;
  }
  const lun = Uint8Array.from(request.lun);
  const run = (): void => {
    const done = (): void => {
      answer(COMPLETE);
      if (task === TARGET_COLD_RESET) sessions.reset(session);
    };
    const { nexus } = session;
    const order: DeviceManagement =
      kind === 'targetWarmReset' || kind === 'targetColdReset' ? { kind, nexus } : { kind, nexus, lun };
    const stops = session.device.manage(order);
    if (stops === 'no lun') answer(NO_LUN);
    else sessions.stopTasks(stops, done);
  };
  const { window } = session;
  const early = diff32(cmdSn, window.expCmdSn) > 0 && diff32(window.maxCmdSn, add32(cmdSn, -1)) >= 0;
  if (early && request.immediate) session.orders.push({ cmdSn, run });
  else run();
}

/** ABORT TASK (section 11.5.1): of a task that is here, or of one that has not come yet. */
function abort(sessions: Sessions, session: Session, request: Request, answer: (response: number) => void): void {
  const tag = request.word20;
  const task = session.tasks.all.get(tag);
  const lun = Uint8Array.from(request.lun);
  if (task !== undefined) {
    if (!sameLun(task.lunHigh, task.lunLow, lun)) {
      answer(NO_TASK);
      return;
    }
    const stops = session.device.manage({ kind: 'abortTask', nexus: session.nexus, lun, tag });
    if (stops === 'no lun') answer(NO_LUN);
    else
      sessions.stopTasks([...stops.filter((each) => each.tag !== tag), { nexus: session.nexus.id, tag }], () =>
        answer(COMPLETE),
      );
    return;
  }
  const { window } = session;
  const refCmdSn = request.word32;
  const behind = diff32(refCmdSn, window.expCmdSn) >= 0 && diff32(window.maxCmdSn, refCmdSn) >= 0;
  if (!behind || diff32(request.cmdSn, refCmdSn) <= 0) {
    answer(NO_TASK);
    return;
  }
  // It counts as received, and is passed over when it comes.
  session.pass(refCmdSn);
  answer(COMPLETE);
}

function sameLun(high: number, low: number, lun: Uint8Array): boolean {
  const word = (at: number): number => ((lun[at] << 24) | (lun[at + 1] << 16) | (lun[at + 2] << 8) | lun[at + 3]) >>> 0;
  return word(0) === high && word(4) === low;
}
