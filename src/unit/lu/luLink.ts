import { isCapacityChanged, isPowerOn, type SenseData, TASK_SET_FULL } from '../../../parsers/scsi/sense.ts';
import { Fault, faultOf } from '../../base/fault.ts';
import { Command } from '../../iscsi/initiator/command.ts';
import { type CommandFault, commandFault, verdictOf } from '../../iscsi/lu/verdict.ts';
import { type LuSession, openLuSession, type SessionPlan } from './luSession.ts';
import { monotonicNs, pause } from './luTiming.ts';

/** Work of one call at a volume, cut into commands that are made when there is room for them. */
export interface Job {
  /** Makes the next command, in a cleared one; false where none is left. */
  fill(command: Command): boolean;
  /** A command ended well: a `Fault` where that is not enough. */
  landed(command: Command): Fault | undefined;
  /** A command failed: true where the job has found another way and goes on. */
  refused(command: Command, fault: CommandFault): boolean;
  /** Once, when nothing of it is under way any more: its buffers are the caller's again. */
  ended(fault: Fault | undefined): void;
}

export interface LinkOptions {
  plan: SessionPlan;
  /** The LU in words, for messages. */
  name: string;
  /** Makes a new session ready for commands: is it the same LU, is it ours? Rejects where it cannot be used. */
  prepare(session: LuSession): Promise<void>;
  /** A session was lost, or the target lost its power: its volatile cache may have gone with it. */
  cacheLost(): void;
  capacityChanged(): void;
  notice(text: string): void;
}

/** A session that is back sooner is no news: targets ask for a new login now and then. */
const AWAY_MS = 1000;
/** Commands of one job under way at once: enough to keep the line full, few enough to leave room for others. */
const JOB_WIDTH = 8;
/** Tries of one command that the target neither refuses nor does. */
const TRIES_MAX = 16;
/** After so many commands that went well, one more is tried at once where TASK SET FULL had lowered their number. */
const SPEED_UP_AFTER = 64;
const RETRY_FIRST_MS = 50;
const RETRY_LONGEST_MS = 1000;

class Seat extends Command {
  run: Run | undefined;
  tries = 0;
  /** When a busy target has been waited for long enough. */
  until = 0;
}

interface Run {
  job: Job;
  open: number;
  fault: Fault | undefined;
  /** The job is still being started: it does not end before every command that it may have is under way. */
  starting: boolean;
}

/**
 * The way to one LU, over one session after another. A job's commands are tried again where the target asks for it, and,
 * as reads and writes may be repeated, in the next session when one was lost. While none can be had in time every call
 * fails at once, until `revive` has brought one.
 */
export class LuLink {
  readonly #options: LinkOptions;
  readonly #seats: Seat[] = [];
  readonly #held: Seat[] = [];
  readonly #abort = new AbortController();
  #session: LuSession | undefined;
  #state: 'up' | 'recovering' | 'down' | 'closed' = 'down';
  #down: Fault;
  /** When the session was lost, and why, while the next one is being opened. */
  #lostAt = 0;
  #away: Fault | undefined;
  #recovery: Promise<void> | undefined;
  #connecting: Promise<void> | undefined;
  #wellDone = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#down = new Fault('local', `${options.name} is not connected yet`);
  }

  /** The session that commands go to; undefined while there is none. */
  get session(): LuSession | undefined {
    return this.#state === 'up' ? this.#session : undefined;
  }

  /** Calls fail, as the LU could not be reached. */
  get down(): boolean {
    return this.#state === 'down' || this.#state === 'closed';
  }

  /**
   * Why there is no session, once that is so for a while: calls wait for the next one, and fail when it does not come. Or why
   * that which there is has nothing to say, at which nothing fails yet.
   */
  get away(): Fault | undefined {
    if (this.#state === 'down') return this.#down;
    if (this.#state === 'up') return this.#session?.silence;
    const late = this.#state === 'recovering' && monotonicNs() - this.#lostAt > AWAY_MS * 1e6;
    return late ? this.#away : undefined;
  }

  /** Logs in and makes the session ready; rejects with why that cannot be. Calls at one time share one attempt. */
  connect(signal?: AbortSignal): Promise<void> {
    this.#connecting ??= this.#connect(signal).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** One attempt to have a session; at once where there is one. */
  async revive(probe: (session: LuSession) => Promise<void>, signal?: AbortSignal): Promise<void> {
    if (this.#state === 'closed') throw this.#down;
    if (this.#state === 'recovering') await this.#recovery;
    else if (this.#state === 'down') await this.connect(signal);
    else if (this.#session) await probe(this.#session);
    if (this.down) throw this.#down;
  }

  start(job: Job): void {
    if (this.down) {
      job.ended(this.#down);
      return;
    }
    const run: Run = { job, open: 0, fault: undefined, starting: true };
    while (run.open < JOB_WIDTH && this.#next(run, undefined)) {}
    run.starting = false;
    if (run.open === 0) job.ended(run.fault);
  }

  /** Ends the session; what is under way fails. */
  async close(last: (session: LuSession) => Promise<void>): Promise<void> {
    if (this.#state === 'closed') return;
    const session = this.session;
    this.#state = 'closed';
    this.#down = new Fault('local', `${this.#options.name} is closed`);
    this.#abort.abort();
    await this.#recovery;
    await this.#connecting?.catch(() => undefined);
    if (session) await this.#leave(session, last);
    this.#failHeld(this.#down);
  }

  /** A target that does not answer is not waited for: what `last` would have undone is ours again at the next login. */
  async #leave(session: LuSession, last: (session: LuSession) => Promise<void>): Promise<void> {
    const enough = new AbortController();
    const late = pause(this.#options.plan.timing.logoutMs, enough.signal).then(() => false);
    const answered = await Promise.race([last(session).then(() => true), late]);
    enough.abort();
    if (answered) await session.close();
    else session.abandon();
  }

  async #connect(signal?: AbortSignal): Promise<void> {
    const either = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    const session = await openLuSession(this.#options.plan, either);
    let fault: Fault | undefined;
    const lost = (why: Fault): void => {
      fault = why;
    };
    const stop = (): void => session.abandon();
    session.watcher = { lost, sense: () => undefined };
    either.addEventListener('abort', stop);
    try {
      if (either.aborted) stop();
      await this.#options.prepare(session);
      if (fault) throw fault;
    } catch (error) {
      await session.close();
      throw error;
    } finally {
      either.removeEventListener('abort', stop);
    }
    session.watcher = { lost: (why) => this.#lost(session, why), sense: (sense) => this.#attention(sense) };
    this.#session = session;
    this.#state = 'up';
    for (const seat of this.#held.splice(0)) this.#submit(seat);
  }

  /** Puts the job's next command under way; false where it has none. */
  #next(run: Run, used: Seat | undefined): boolean {
    const seat = used ?? this.#seats.pop() ?? this.#newSeat();
    seat.clear();
    let more = false;
    try {
      more = run.fault === undefined && run.job.fill(seat);
    } catch (error) {
      run.fault = faultOf(error);
    }
    if (!more) {
      this.#seats.push(seat);
      return false;
    }
    const { lun, timing } = this.#options.plan;
    seat.run = run;
    seat.tries = 0;
    seat.until = 0;
    seat.lun = lun;
    seat.limitNs = timing.commandMs * 1e6;
    run.open++;
    this.#submit(seat);
    return true;
  }

  #newSeat(): Seat {
    const seat = new Seat();
    seat.ended = () => this.#ended(seat);
    return seat;
  }

  #submit(seat: Seat): void {
    if (this.#state === 'up') this.#session?.submit(seat);
    else if (this.#state === 'recovering') this.#held.push(seat);
    else this.#failed(seat, this.#down);
  }

  #ended(seat: Seat): void {
    switch (seat.ending) {
      case 'status':
        this.#judge(seat);
        return;
      case 'lost':
        this.#submit(seat);
        return;
      case 'reset':
        this.#again(seat, false);
        return;
      case 'failed':
        this.#failed(seat, seat.fault ?? new Fault('bug', 'a command failed without a reason'));
    }
  }

  #judge(seat: Seat): void {
    const { status, sense } = seat;
    switch (verdictOf(status, sense)) {
      case 'good': {
        const fault = (seat.run as Run).job.landed(seat);
        if (fault) this.#failed(seat, fault);
        else this.#retire(seat);
        this.#speedUp();
        return;
      }
      case 'again':
        if (sense) this.#attention(sense);
        this.#again(seat, false);
        return;
      case 'later':
        if (status === TASK_SET_FULL) this.#session?.slowDown();
        this.#again(seat, true);
        return;
      case 'failed': {
        const fault = commandFault(this.#options.name, seat);
        if ((seat.run as Run).job.refused(seat, fault)) this.#retire(seat);
        else this.#failed(seat, fault);
      }
    }
  }

  /** Once more: at once, or after a pause where the target is busy; not for ever. */
  #again(seat: Seat, busy: boolean): void {
    const now = monotonicNs();
    seat.tries++;
    if (seat.until === 0) seat.until = now + this.#options.plan.timing.busyMs * 1e6;
    if (now > seat.until || (!busy && seat.tries > TRIES_MAX)) {
      this.#failed(seat, seat.fault ?? commandFault(this.#options.name, seat));
    } else if (busy || seat.tries > 2) {
      void pause(delayMs(seat.tries)).then(() => this.#submit(seat));
    } else {
      this.#submit(seat);
    }
  }

  #failed(seat: Seat, fault: Fault): void {
    const run = seat.run as Run;
    run.fault ??= fault;
    this.#retire(seat);
  }

  /** The command is through: its place is the job's next one's. */
  #retire(seat: Seat): void {
    const run = seat.run as Run;
    seat.run = undefined;
    run.open--;
    if (this.#next(run, seat) || run.open > 0 || run.starting) return;
    run.job.ended(run.fault);
  }

  #attention(sense: SenseData): void {
    if (sense.deferred || isPowerOn(sense)) this.#options.cacheLost();
    if (isCapacityChanged(sense)) this.#options.capacityChanged();
  }

  #speedUp(): void {
    if (++this.#wellDone < SPEED_UP_AFTER) return;
    this.#wellDone = 0;
    this.#session?.speedUp();
  }

  #lost(session: LuSession, why: Fault): void {
    if (session !== this.#session || this.#state !== 'up') return;
    this.#options.cacheLost();
    this.#session = undefined;
    this.#state = 'recovering';
    this.#down = why;
    // One that was silent has been told of.
    this.#lostAt = session.silence ? Number.NEGATIVE_INFINITY : monotonicNs();
    this.#away = new Fault('local', `${why.message}; a new session is being opened`, why.mend, { unreachable: true });
    this.#recovery = this.#recover(why).finally(() => {
      this.#recovery = undefined;
    });
  }

  async #recover(why: Fault): Promise<void> {
    const { plan, notice } = this.#options;
    const until = monotonicNs() + plan.timing.reconnectMs * 1e6;
    let last = why;
    for (let waitMs = RETRY_FIRST_MS; monotonicNs() < until; waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS)) {
      await pause(waitMs * (0.75 + Math.random() / 2), this.#abort.signal);
      if (this.#abort.signal.aborted) break;
      const late = AbortSignal.timeout(Math.max(1, Math.ceil((until - monotonicNs()) / 1e6)));
      try {
        await this.connect(late);
        notice(`${why.message}; the session is back`);
        return;
      } catch (error) {
        // An attempt that the end of the time cut short tells nothing that an earlier one did not.
        if (!late.aborted || last === why) last = error as Fault;
      }
    }
    if (this.#state === 'recovering') this.#giveUp(why, last);
  }

  #giveUp(why: Fault, last: Fault): void {
    const { plan, notice } = this.#options;
    const within = `${plan.timing.reconnectMs / 1000} s`;
    const more = last === why ? '' : ` (last: ${last.message})`;
    this.#state = 'down';
    this.#down = new Fault('local', `${why.message}; no session again within ${within}${more}`, last.mend ?? why.mend, {
      unreachable: true,
    });
    notice(this.#down.message);
    this.#failHeld(this.#down);
  }

  #failHeld(fault: Fault): void {
    for (const seat of this.#held.splice(0)) this.#failed(seat, fault);
  }
}

/** Ever longer, and never at the same moment as others. */
function delayMs(tries: number): number {
  return Math.min(10 * 2 ** Math.min(tries, 7), RETRY_LONGEST_MS) * (0.75 + Math.random() / 2);
}
