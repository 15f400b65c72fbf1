import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { HostOptions } from './host.ts';
import type { Operation } from './operations.ts';
import type { Processes } from './processes.ts';
import { Heard } from './until.ts';

const CHILD = fileURLToPath(new URL('./loadChild.js', import.meta.url));

export interface LoadOrder extends HostOptions {
  seed: number;
  operations: readonly Operation[];
  /** Commands in all; without it until it is stopped. */
  count?: number;
  /** Commands under way at one time. */
  depth?: number;
  /** Blocks of each, from and to. */
  blocks?: readonly [number, number];
  /** The part of the LU, in blocks. */
  from?: number;
  span?: number;
  /** Commands under way at one time may write the same blocks. */
  overlap?: boolean;
  /** Rest of each of `depth` lanes after each command. */
  pauseMs?: number;
}

/** What became of a load. */
export interface LoadEnd {
  done: number;
  refused: number;
  /** The first refusal. */
  why?: string;
  sessions: number;
}

/** A host that works. */
export class Load {
  readonly #child: ChildProcess;
  readonly #processes: Processes;
  readonly #lines = new Heard<string>();

  constructor(processes: Processes, space: string | undefined, order: LoadOrder) {
    this.#processes = processes;
    const command = [process.execPath, CHILD, JSON.stringify(order)];
    this.#child = processes.start(space, command, ['pipe', 'pipe', 'inherit']);
    const { stdout } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#lines.add(line));
    this.#child.once('close', (code, signal) => this.#lines.end(`the load ended with ${signal ?? code}`));
  }

  /** Commands that are known to be done. */
  get done(): number {
    return (
      this.#lines.all
        .findLast((line) => line.startsWith('at '))
        ?.split(' ')
        .map(Number)[1] ?? 0
    );
  }

  async ready(): Promise<this> {
    await this.#lines.first('the load has begun', (line) => line === 'ready', { ms: 30_000 });
    return this;
  }

  /** So many commands more than now are done. */
  async further(commands: number): Promise<void> {
    const goal = this.done + commands;
    await this.#lines.first(`${commands} more commands`, (line) => Number(line.split(' ')[1]) >= goal, { ms: 40_000 });
  }

  /** Resolves when it has done all it should; rejects where the target refused anything. */
  async whole(ms = 90_000): Promise<LoadEnd> {
    const line = await this.#lines.first('the load has ended', (one) => one.startsWith('{'), { ms });
    const end = JSON.parse(line) as LoadEnd;
    assert.equal(end.refused, 0, `the load itself was refused ${end.refused} of ${end.done} commands: ${end.why}`);
    return end;
  }

  /** Ends it after the commands that are under way. */
  stop(): Promise<LoadEnd> {
    this.#child.stdin?.write('stop\n');
    return this.whole();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  kill(): Promise<void> {
    return this.#processes.end(this.#child);
  }
}
