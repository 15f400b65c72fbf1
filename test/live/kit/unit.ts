import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { askControl } from '../../../hw/controlClient.ts';
import type { MirrorStatus, UnitStatus } from '../../../src/unit/watch/status.ts';
import { MAIN } from '../../kit/program.ts';
import type { Ending, Processes } from './processes.ts';
import { Heard, until } from './until.ts';

export { MAIN };

/** A line of the unit's log. */
export interface LogLine {
  timestamp: string;
  level: string;
  message: string;
  text?: string;
  lu?: string;
  mirror?: string;
  from?: string;
  to?: string;
  why?: string;
}

/** Between two looks at a unit that both have to find it calm. */
const CALM_MS = 200;

/** A unit as a process of its own. */
export class Unit {
  readonly config: string;
  readonly control: string;
  readonly log: Heard<LogLine>;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #out = new Heard<string>();
  readonly #processes: Processes;
  #err = '';

  /** Starts a unit with the configuration in this file; see `ready`. */
  constructor(
    processes: Processes,
    space: string | undefined,
    config: string,
    control: string,
    env: Record<string, string> = {},
  ) {
    const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const command = ['env', ...set, process.execPath, MAIN, 'run', '--config', config];
    this.#processes = processes;
    this.config = config;
    this.control = control;
    this.log = new Heard();
    this.#child = processes.start(space, command, ['ignore', 'pipe', 'pipe']);
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error('a unit without pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#out.add(line));
    createInterface({ input: stderr }).on('line', (line) => {
      this.#err += `${line}\n`;
      if (line.startsWith('{')) this.log.add(JSON.parse(line) as LogLine);
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      const why = `the unit ended with ${signal ?? code}: ${this.#err.slice(-600)}`;
      this.#out.end(why);
      this.log.end(why);
      return { code: signal ?? code, out: this.#out.all.join('\n'), err: this.#err };
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Everything that it said on standard error. */
  get said(): string {
    return this.#err;
  }

  /** Resolves with its ready line. */
  ready(): Promise<string> {
    return this.#out.first('ready', (line) => line.startsWith('ready'), { ms: 30_000 });
  }

  /** A line of its log that fits, from line `from` on. */
  told(what: string, fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> {
    return this.log.first(what, fits, { from, ms: 30_000 });
  }

  /** A mirror's change of state in its log. */
  toldState(to: string, from = 0, mirror?: string): Promise<LogLine> {
    const fits = (line: LogLine): boolean =>
      line.message === 'state' && line.to === to && (mirror === undefined || line.mirror === mirror);
    return this.told(`a mirror is ${to}`, fits, from);
  }

  async status(): Promise<UnitStatus> {
    return (await askControl(this.control, { do: 'status' })) as UnitStatus;
  }

  /** All mirrors of all volumes. */
  async mirrors(): Promise<MirrorStatus[]> {
    return (await this.status()).volumes.flatMap(({ mirrors }) => mirrors);
  }

  /** Asks until the status fits. */
  until(what: string, fits: (status: UnitStatus) => boolean, ms = 30_000): Promise<UnitStatus> {
    let last: UnitStatus | undefined;
    const instead = (): string => (last === undefined ? 'no status' : words(last));
    const ask = async (): Promise<UnitStatus | undefined> => {
      last = await this.status();
      return fits(last) ? last : undefined;
    };
    return until(what, ask, { ms, everyMs: 50, instead });
  }

  /** As `until`, for what may be so while the unit does not know yet what has just passed at a tap: it has to stay so. */
  stays(what: string, fits: (status: UnitStatus) => boolean, ms = 45_000): Promise<UnitStatus> {
    let since = Number.POSITIVE_INFINITY;
    return this.until(
      what,
      (status) => {
        if (!fits(status)) since = Number.POSITIVE_INFINITY;
        else since = Math.min(since, performance.now());
        return performance.now() - since >= CALM_MS;
      },
      ms,
    );
  }

  /** Waits until the unit says, twice in a row, that nothing is outstanding. */
  settled(ms = 45_000): Promise<UnitStatus> {
    return this.stays('every mirror is equal', isCalm, ms);
  }

  /** Ends it as an operator would. */
  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    const ending = await this.ended;
    if (ending.code !== 0) throw new Error(`the unit ended with ${ending.code}: ${ending.err.slice(-600)}`);
    return ending;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    await this.#processes.end(this.#child, 'SIGKILL');
  }
}

/** Writes a unit's configuration; relative paths in it are the folder's. */
export function writeConfig(folder: string, name: string, config: object): { config: string; control: string } {
  const path = join(folder, `${name}.json`);
  const whole = { state: `${name}.state`, control: `${name}.sock`, settleMs: 1000, ...config };
  writeFileSync(path, JSON.stringify(whole), { mode: 0o600 });
  return { config: path, control: join(folder, whole.control) };
}

/** Nothing is outstanding, as far as is known now. */
export function isCalm({ volumes }: UnitStatus): boolean {
  return volumes.every(({ mirrors }) => mirrors.every((one) => one.state === 'equal' && one.behindBytes === 0));
}

function words({ volumes, notices }: UnitStatus): string {
  const all = volumes.flatMap(({ lu, openWrites, mirrors }) =>
    mirrors.map(({ to, state, behindBytes, unresolvedBytes, error }) => {
      const why = error === undefined ? '' : ` (${error.message})`;
      return `${lu} ${to}: ${state}, ${behindBytes} behind, ${unresolvedBytes} unresolved, ${openWrites} open${why}`;
    }),
  );
  return `${all.join('; ')}; notices: ${notices.slice(-4).join(' | ')}`;
}
