import { type ChildProcess, execFile, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a process ended: its exit status or the signal, and what it said. */
export interface Ending {
  code: number | string | null;
  out: string;
  err: string;
}

/** Words that run a command inside a network namespace; the command's process is then the one that was started. */
export function inside(space: string | undefined, command: readonly string[]): string[] {
  return space === undefined ? [...command] : ['ip', 'netns', 'exec', space, ...command];
}

/** Processes of one test. None outlives it, nor the process that runs the tests, however that ends. */
export class Processes {
  readonly #running = new Set<ChildProcess>();

  start(space: string | undefined, command: readonly string[], stdio: StdioOptions = 'ignore'): ChildProcess {
    const [program, ...words] = ['setpriv', '--pdeathsig', 'KILL', ...inside(space, command)];
    const child = spawn(program, words, { stdio });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  async end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  async close(): Promise<void> {
    for (const child of [...this.#running]) await this.end(child);
  }
}

/** Runs a command to its end, which may be a bad one. */
export function outcome(space: string | undefined, command: readonly string[], ms = 60_000): Promise<Ending> {
  const [program, ...words] = inside(space, command);
  return new Promise((resolve) => {
    execFile(program, words, { timeout: ms, maxBuffer: 64 << 20, killSignal: 'SIGKILL' }, (error, out, err) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal ?? -1), out, err });
    });
  });
}

/** Runs a command that has to go well; resolves with what it said. */
export async function run(space: string | undefined, command: readonly string[], ms = 60_000): Promise<string> {
  const { code, out, err } = await outcome(space, command, ms);
  if (code === 0) return out;
  throw new Error(`${command.join(' ').slice(0, 200)} ended with ${code}: ${`${out}${err}`.trim().slice(-500)}`);
}
