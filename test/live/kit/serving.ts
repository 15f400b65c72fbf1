import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Ending, Processes } from './processes.ts';
import { MAIN } from './unit.ts';
import { Heard } from './until.ts';

/** A command of the product that stays in the foreground and says "ready". */
export class Serving {
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #processes: Processes;
  readonly #out = new Heard<string>();
  #err = '';

  constructor(processes: Processes, words: readonly string[], env: Record<string, string> = {}, space?: string) {
    const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    this.#processes = processes;
    this.#child = processes.start(space, ['env', ...set, process.execPath, MAIN, ...words], ['ignore', 'pipe', 'pipe']);
    const { stdout, stderr } = this.#child;
    if (!stdout || !stderr) throw new Error('a process without pipes');
    createInterface({ input: stdout }).on('line', (line) => this.#out.add(line));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#out.end(`it ended with ${signal ?? code}: ${this.#err.slice(-600)}`);
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

  /** Ends it as an operator would. */
  async stop(): Promise<Ending> {
    this.#child.kill('SIGTERM');
    const ending = await this.ended;
    if (ending.code !== 0) throw new Error(`it ended with ${ending.code}: ${ending.err.slice(-600)}`);
    return ending;
  }

  async kill(): Promise<void> {
    await this.#processes.end(this.#child, 'SIGKILL');
  }
}
