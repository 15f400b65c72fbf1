import type { DeviceOutcome, DeviceServer } from '../../base/device.ts';
import { abortedSense, answer, CHECK_CONDITION, TASK_ABORTED, TASK_SET_FULL } from './answer.ts';
import { askMore, startData } from './collect.ts';
import type { Connection } from './connection.ts';
import type { Session } from './session.ts';
import type { Shared } from './shared.ts';
import type { Task } from './task.ts';

const FULL: DeviceOutcome = { status: TASK_SET_FULL, wanted: 0 };
const ABORTED: DeviceOutcome = { status: TASK_ABORTED, wanted: 0 };

/** The SCSI commands of one session, from the one that begins one to the one that forgets it. */
export class Tasks {
  readonly #session: Session;
  readonly #shared: Shared;
  readonly #device: DeviceServer;
  /** By their Initiator Task Tag; those that are being stopped too. */
  readonly all = new Map<number, Task>();
  /** Commands that take a place in the window, and those that do not. */
  queued = 0;
  immediates = 0;

  constructor(session: Session, shared: Shared, device: DeviceServer) {
    this.#session = session;
    this.#shared = shared;
    this.#device = device;
  }

  /** A command whose request is well formed; data that comes with it lands next, then `requested` is called. */
  begin(task: Task, immediateLength: number, final: boolean): void {
    this.all.set(task.tag, task);
    if (task.immediate) this.immediates++;
    else this.queued++;
    task.task = this.#device.begin(task);
    task.need = Math.min(task.task.takes, task.dataOut);
    const burst = Math.min(task.session.parameters.firstBurstLength, task.dataOut);
    startData(task, burst, immediateLength, final);
    task.heard = task.connection.now;
    if (this.#shared.room.enter(task)) this.#makeRoom(task, task.need);
    else if (burst > 0 && (immediateLength > 0 || task.unsolicitedOpen)) this.#makeEarlyRoom(task, burst);
  }

  /** The command's request is whole, with its immediate data. */
  requested(task: Task): void {
    task.whole = true;
    this.progress(task);
  }

  /** It goes on as far as it can. */
  progress(task: Task): void {
    if (task.state !== 'collecting' || !task.whole || task.unsolicitedOpen) return;
    if (task.failure !== 0 || task.full) {
      if (task.asked.length > 0) return;
      this.#drop(task, task.full ? FULL : { status: CHECK_CONDITION, sense: abortedSense(task.failure), wanted: 0 });
      return;
    }
    if (!task.admitted) return;
    if (task.askedTo < task.need) askMore(task);
    if (task.askedTo >= task.need && task.asked.length === 0) this.#run(task);
  }

  /** Room for a command that had to wait for it. */
  admitted(task: Task): void {
    this.#shared.unsolicited -= task.early;
    task.early = 0;
    this.#makeRoom(task, task.need - task.capacity);
    task.heard = task.connection.now;
    this.progress(task);
  }

  /** Its steps have ended. */
  done(task: Task, outcome: DeviceOutcome | undefined): void {
    if (task.state !== 'running') return;
    this.#forget(task);
    const { connection } = task;
    let told = outcome ?? ABORTED;
    if (task.stopped) told = ABORTED;
    if ((task.stopped && !task.tell) || connection.over) {
      this.#released(task);
    } else {
      answer(task, told);
      connection.lend(task);
    }
    this.#ended(task);
  }

  /** The answer's bytes were sent, or will not be. */
  released(task: Task): void {
    this.#released(task);
  }

  /** Ends a task as soon as that can be; `then` is called when it will do nothing more. */
  stop(task: Task, tell: boolean, then?: () => void): void {
    if (task.state === 'over') {
      then?.();
      return;
    }
    if (then) {
      task.ends ??= [];
      task.ends.push(then);
    }
    if (tell) task.tell = true;
    if (task.stopped) return;
    task.stopped = true;
    if (task.state === 'running') this.#shared.owner.stop(task);
    else this.#drop(task, tell && !task.connection.over ? ABORTED : undefined);
  }

  /** Stops those of one connection, or all; `then` is called when none of them does anything more. */
  stopAll(connection: Connection | undefined, then?: () => void): void {
    let left = 1;
    const one = (): void => {
      left--;
      if (left === 0) then?.();
    };
    for (const task of [...this.all.values()]) {
      if (connection !== undefined && task.connection !== connection) continue;
      left++;
      this.stop(task, false, one);
    }
    one();
  }

  #run(task: Task): void {
    task.state = 'running';
    task.steps = task.task.run(task.dataParts());
    this.#shared.owner.run(task);
  }

  /** Ends a task that nobody but the device has seen. */
  #drop(task: Task, told: DeviceOutcome | undefined): void {
    task.task.end();
    this.#forget(task);
    if (told && !task.connection.over) answer(task, told);
    this.#shared.room.leave(task);
    this.#ended(task);
  }

  /** From here on its tag is free, and its place in the window. */
  #forget(task: Task): void {
    task.state = 'over';
    this.all.delete(task.tag);
    if (task.immediate) this.immediates--;
    else this.queued--;
    this.#session.window.open(this.queued);
    for (let i = 0; i < task.buffers.length; i++) this.#shared.pool.give(task.buffers[i]);
    task.buffers = [];
    task.capacity = 0;
    this.#shared.unsolicited -= task.early;
    task.early = 0;
  }

  #released(task: Task): void {
    this.#shared.room.leave(task);
    this.#shared.owner.released(task);
  }

  #ended(task: Task): void {
    const { ends } = task;
    if (ends === undefined) return;
    task.ends = undefined;
    for (const then of ends) then();
  }

  #makeRoom(task: Task, bytes: number): void {
    if (bytes <= 0) return;
    if (task.capacity === 0) task.buffers = [];
    this.#shared.pool.take(bytes, task.buffers);
    task.capacity += bytes;
  }

  /** Data that nobody asked for comes whether there is room or not: some is taken, beyond that the command is refused. */
  #makeEarlyRoom(task: Task, burst: number): void {
    const bytes = Math.min(task.need, burst);
    if (this.#shared.unsolicited + bytes > this.#shared.limits.unsolicitedBytes) {
      task.full = true;
      return;
    }
    this.#shared.unsolicited += bytes;
    task.early = bytes;
    this.#makeRoom(task, bytes);
  }
}
