import { execFile } from 'node:child_process';

/** What systemd told this process in its environment (sd_notify(3), sd_watchdog_enabled(3)). */
export interface Supervision {
  /** Microseconds within which it wants to hear from a unit that is well; absent: it does not watch. */
  watchdogUs?: number;
}

export interface SupervisorOptions extends Supervision {
  /** Hands assignments such as `READY=1` over. Never rejects with anything but an `Error`. */
  notify: (assignments: readonly string[]) => Promise<void>;
  /** What the unit says of itself, in one line. */
  status: () => string;
  /** That systemd cannot be told is worth a line in the log, once until it can be again. */
  failed: (why: string) => void;
}

/** What a start may take longer than systemd grants is asked for in such pieces. */
const EXTEND_MS = 60_000;
const EXTEND_EVERY_MS = 20_000;
/** How often the words are looked at where no watchdog sets the pace. */
const WORDS_EVERY_MS = 20_000;
const NOTIFY_MS = 10_000;
const WORDS_MAX = 300;

/** Undefined where the process was not started by systemd with `Type=notify`, nor by anything else that listens like it. */
export function supervisionOf(env: Readonly<Record<string, string | undefined>>, pid: number): Supervision | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
  if (!NOTIFY_SOCKET) return undefined;
  const ours = WATCHDOG_PID === undefined || WATCHDOG_PID === `${pid}`;
  if (!ours || WATCHDOG_USEC === undefined || !/^[1-9]\d{0,14}$/.test(WATCHDOG_USEC)) return {};
  return { watchdogUs: Number(WATCHDOG_USEC) };
}

/**
 * Hands assignments to systemd by its own program: Node has no datagram sockets of the kind that systemd listens at.
 * The unit file has to say `NotifyAccess=all` for it.
 */
export function systemdNotify(assignments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', assignments, { timeout: NOTIFY_MS }, (error, _, said) => {
      if (error === null) resolve();
      else reject(new Error(said.trim() || error.message));
    });
  });
}

/**
 * Tells systemd how the unit does: that it starts, is ready, goes on, stops. The watchdog is fed only while `ticked` is
 * called in between: a unit whose tick no longer runs, or throws, or whose event loop is stuck, is left to systemd.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  #fedAt = 0;
  #words = '';
  #stopping = false;
  #silent = false;
  #last: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** The unit begins to start, which may take long: there is no end to it as long as the event loop turns. */
  starting(): void {
    const extend = (): void => this.#tell([`EXTEND_TIMEOUT_USEC=${EXTEND_MS * 1000}`]);
    extend();
    this.#every(EXTEND_EVERY_MS, extend);
  }

  /** Resolves once systemd was told that the unit is ready. */
  ready(): Promise<void> {
    this.#words = this.#said();
    this.#tell(['READY=1', `STATUS=${this.#words}`]);
    const { watchdogUs } = this.#options;
    // Two beats may be lost: one to a machine that is short of processes, one to its own lateness.
    this.#every(watchdogUs === undefined ? WORDS_EVERY_MS : Math.max(watchdogUs / 3000, 1), () => this.#beat());
    return this.#last;
  }

  /** The unit's tick has run. */
  ticked(): void {
    this.#ticks++;
  }

  /** The unit stops: what is buffered may still be written for a while, within the time that systemd grants for that. */
  stopping(): Promise<void> {
    this.#stopping = true;
    this.#tell(['STOPPING=1', 'STATUS=stopping: what is buffered is written']);
    return this.#last;
  }

  #beat(): void {
    const alive = this.#stopping || this.#ticks !== this.#fedAt;
    this.#fedAt = this.#ticks;
    if (!alive) return;
    const words = this.#stopping ? this.#words : this.#said();
    const told = words === this.#words ? [] : [`STATUS=${words}`];
    this.#words = words;
    const fed = this.#options.watchdogUs === undefined ? [] : ['WATCHDOG=1'];
    if (fed.length + told.length > 0) this.#tell([...fed, ...told]);
  }

  #said(): string {
    return this.#options.status().replace(/\s+/g, ' ').trim().slice(0, WORDS_MAX);
  }

  /** One after the other, in their order. */
  #tell(assignments: readonly string[]): void {
    const { notify, failed } = this.#options;
    this.#last = this.#last
      .then(() => notify(assignments))
      .then(
        () => {
          this.#silent = false;
        },
        (error: unknown) => {
          if (!this.#silent) failed(error instanceof Error ? error.message : String(error));
          this.#silent = true;
        },
      );
  }

  #every(ms: number, act: () => void): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(act, ms);
    this.#timer.unref();
  }
}
