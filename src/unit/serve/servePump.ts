import type { DeviceAnswer, DeviceOutcome, DeviceRequest, DeviceTask, StoppedTask } from '../../base/device.ts';
import { Fault } from '../../base/fault.ts';
import type { TargetRun } from '../../iscsi/target/types.ts';
import type { ServeLu } from './serveLu.ts';
import type { Claim } from './serveRanges.ts';
import { type ReadSlot, ServeReads } from './serveReads.ts';

/** A command whose steps are being run; what a device server does by itself has no nexus. */
type Run = Pick<TargetRun, 'task' | 'steps' | 'context' | 'done'>;

interface Active {
  readonly run: Run;
  readonly lu: ServeLu | undefined;
  answer: DeviceAnswer;
  stopped: boolean;
  /** Why the steps rest: a request under way, a turn at bytes, or others' steps. */
  rests: 'no' | 'io' | 'turn' | 'others';
  hold: Claim | undefined;
  holdAt: ServeLu | undefined;
  /** Memory of its reads, the last ones. */
  slots: ReadSlot[];
}

/** Reads of one command whose memory is kept: what was read is used in the next request at the latest, or sent. */
const READS_KEPT = 2;

/** INTERNAL TARGET FAILURE (SPC-5 annex F), for a mistake of ours. */
const SENSE_FAILURE = Uint8Array.of(0x70, 0, 0x04, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x44, 0, 0, 0, 0, 0);
const CHECK_CONDITION = 0x02;

export interface ServePumpOptions {
  /** The medium of a logical unit, by the key that its device server has of it. */
  lu: (key: number) => ServeLu | undefined;
  /** Stops tasks of whatever nexus; `then` is called once none of them does anything any more. */
  stopTasks: (tasks: readonly StoppedTask[], then: () => void) => void;
  /** Steps threw: a mistake of ours. */
  bug: (error: unknown) => void;
}

/** Runs the steps of commands: asks their media for what they want, and takes turns where they are in each other's way. */
export class ServePump {
  readonly #options: ServePumpOptions;
  readonly #reads = new ServeReads();
  /** Those that rest until others of their logical unit go on. */
  readonly #waiting = new Map<ServeLu, Active[]>();
  readonly #woken: ServeLu[] = [];
  #waking = false;
  #running = 0;

  constructor(options: ServePumpOptions) {
    this.#options = options;
  }

  /** Commands whose steps have not ended. */
  get running(): number {
    return this.#running;
  }

  /** Bytes of memory that hold what was read and not yet sent. */
  get readBytes(): number {
    return this.#reads.lent;
  }

  /** Runs a command's steps until they end: `run.done` is called then, maybe before this returns. */
  run(run: Run): void {
    const { lu: key } = run.task;
    const active: Active = {
      run,
      lu: key === undefined ? undefined : this.#options.lu(key),
      answer: undefined,
      stopped: false,
      rests: 'no',
      hold: undefined,
      holdAt: undefined,
      slots: [],
    };
    run.context = active;
    this.#running++;
    this.#advance(active, undefined);
  }

  /** Runs what a device server does by itself, to its end. */
  background(task: DeviceTask): void {
    const run: Run = { task, steps: task.run([]), context: undefined, done: () => this.#release(run) };
    this.run(run);
  }

  /** Ends a command's steps as soon as what they asked for last is done. */
  stop(run: TargetRun): void {
    const active = run.context as Active;
    active.stopped = true;
    const { rests, lu } = active;
    if (rests === 'turn' || (rests === 'others' && lu !== undefined && this.#unwait(lu, active))) this.#giveUp(active);
  }

  /** What a command had read was sent, or will not be. */
  released(run: TargetRun): void {
    this.#release(run);
  }

  #release(run: Run): void {
    const { slots } = run.context as Active;
    for (const slot of slots) this.#reads.give(slot);
    slots.length = 0;
  }

  /** Something else than steps changed what the commands of a logical unit may wait for. */
  nudge(lu: ServeLu): void {
    this.#wake(lu);
  }

  #advance(active: Active, failure: unknown): void {
    const { steps } = active.run;
    let fault = failure;
    for (;;) {
      if (active.stopped) {
        this.#giveUp(active);
        return;
      }
      active.rests = 'no';
      let request: DeviceRequest;
      try {
        const step = fault === undefined ? steps.next(active.answer) : steps.throw(fault);
        if (step.done === true) {
          this.#end(active, step.value);
          return;
        }
        request = step.value;
      } catch (error) {
        this.#options.bug(error);
        this.#end(active, { status: CHECK_CONDITION, sense: SENSE_FAILURE });
        return;
      }
      fault = undefined;
      active.answer = undefined;
      if (request.kind === 'wait') {
        this.#rest(active);
        return;
      }
      if (active.lu !== undefined) this.#wake(active.lu);
      let pending: Promise<void> | undefined;
      try {
        pending = this.#ask(active, request);
      } catch (error) {
        fault = error;
        continue;
      }
      if (pending !== undefined) {
        if (active.rests === 'no') active.rests = 'io';
        pending.then(
          () => this.#resume(active, undefined),
          (error: unknown) => this.#resume(active, error ?? new Fault('bug', 'a request failed without a word')),
        );
        return;
      }
    }
  }

  /** What it rested for is there; one that was given up meanwhile rests for nothing. */
  #resume(active: Active, failure: unknown): void {
    if (active.rests !== 'no') this.#advance(active, failure);
  }

  #ask(active: Active, request: Exclude<DeviceRequest, { kind: 'wait' }>): Promise<void> | undefined {
    if (request.kind === 'stop') return new Promise((then) => this.#options.stopTasks(request.tasks, then));
    const lu = request.lu === undefined ? active.lu : this.#options.lu(request.lu);
    if (lu === undefined) throw new Fault('local', 'the logical unit is no longer served');
    switch (request.kind) {
      case 'read': {
        const { offset, length } = request;
        const slot = this.#take(active, length);
        active.answer = slot.view;
        return this.#shared(active, lu, offset, offset + length, () => lu.read(offset, slot.view));
      }
      case 'write': {
        const { pieces, fua } = request;
        const first = pieces[0];
        if (first === undefined) return fua ? lu.flush() : undefined;
        if (pieces.length > 1) return this.#each(active, lu, pieces, () => lu.write(pieces, fua));
        return this.#shared(active, lu, first.offset, first.offset + first.length, () => lu.write(pieces, fua));
      }
      case 'unmap': {
        const { offset, length } = request;
        return this.#shared(active, lu, offset, offset + length, () => lu.unmap(offset, length, false));
      }
      case 'flush':
        return lu.flush();
      case 'mapped':
        active.answer = lu.medium.mapped(request.offset, request.length, request.max);
        return undefined;
      case 'keep':
        return lu.keep(request.name, request.bytes);
      case 'hold':
        return this.#hold(active, lu, request.offset, request.length);
    }
  }

  /** Does what others may do meanwhile, after whoever has these bytes for himself. */
  #shared(
    owner: Active,
    lu: ServeLu,
    offset: number,
    end: number,
    work: () => Promise<void> | undefined,
  ): Promise<void> | undefined {
    const { ranges } = lu;
    const claim = { offset, end, exclusive: false, owner };
    const turn = ranges.open ? undefined : ranges.claim(claim);
    if (turn !== undefined) {
      return turn.then(work).finally(() => ranges.release(claim));
    }
    const claimed = !ranges.open;
    let working: Promise<void> | undefined;
    try {
      working = work();
    } finally {
      // What is over by now was in nobody's way.
      if (claimed && working === undefined) ranges.release(claim);
    }
    if (working === undefined) return undefined;
    if (!claimed) ranges.claim(claim);
    return working.finally(() => ranges.release(claim));
  }

  /** One claim over all of them: pieces of one command lie close together, or there are few commands like it. */
  #each(
    owner: Active,
    lu: ServeLu,
    pieces: readonly { offset: number; length: number }[],
    work: () => Promise<void> | undefined,
  ): Promise<void> | undefined {
    let [from, to] = [Number.POSITIVE_INFINITY, 0];
    for (const { offset, length } of pieces) {
      from = Math.min(from, offset);
      to = Math.max(to, offset + length);
    }
    return this.#shared(owner, lu, from, to, work);
  }

  #hold(active: Active, lu: ServeLu, offset: number, length: number): Promise<void> | undefined {
    if (active.hold !== undefined) throw new Fault('bug', 'a command holds bytes already');
    const claim = { offset, end: offset + length, exclusive: true, owner: active };
    active.hold = claim;
    active.holdAt = lu;
    const turn = lu.ranges.claim(claim);
    if (turn !== undefined) active.rests = 'turn';
    return turn;
  }

  #take(active: Active, length: number): ReadSlot {
    const { slots } = active;
    if (slots.length >= READS_KEPT) {
      const oldest = slots.shift();
      if (oldest !== undefined) this.#reads.give(oldest);
    }
    const slot = this.#reads.take(length);
    slots.push(slot);
    return slot;
  }

  #giveUp(active: Active): void {
    active.rests = 'no';
    try {
      active.run.steps.return(undefined as never);
    } catch (error) {
      this.#options.bug(error);
    }
    this.#end(active, undefined);
  }

  #end(active: Active, outcome: DeviceOutcome | undefined): void {
    const { run, lu, hold, holdAt } = active;
    this.#running--;
    if (hold !== undefined) holdAt?.ranges.release(hold);
    run.task.end();
    run.done(outcome);
    if (lu !== undefined) this.#wake(lu);
  }

  // --- those that wait for others

  #rest(active: Active): void {
    const { lu } = active;
    if (lu === undefined) {
      this.#options.bug(new Fault('bug', 'a command without a logical unit waits for others'));
      this.#giveUp(active);
      return;
    }
    active.rests = 'others';
    const waiting = this.#waiting.get(lu);
    if (waiting === undefined) this.#waiting.set(lu, [active]);
    else waiting.push(active);
  }

  #unwait(lu: ServeLu, active: Active): boolean {
    const waiting = this.#waiting.get(lu);
    const at = waiting?.indexOf(active) ?? -1;
    if (at >= 0) waiting?.splice(at, 1);
    return at >= 0;
  }

  /** Lets those go on that wait at this logical unit: behind what is being done now, not within it. */
  #wake(lu: ServeLu): void {
    if (this.#waiting.size === 0 || !this.#waiting.has(lu)) return;
    if (!this.#woken.includes(lu)) this.#woken.push(lu);
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      for (const woken of this.#woken.splice(0)) {
        const waiting = this.#waiting.get(woken) ?? [];
        this.#waiting.delete(woken);
        for (const active of waiting) this.#again(active);
      }
    });
  }

  #again(active: Active): void {
    // Another one that was woken may have had it stopped.
    if (active.rests === 'others') this.#advance(active, undefined);
  }
}
