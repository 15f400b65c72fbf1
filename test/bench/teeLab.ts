/** What benches of a tee (and of a target) share: a target with a file in memory, loads from `qemu-img bench`, units and those who look at them. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { askControl } from '../../hw/controlClient.ts';
import type { UnitStatus } from '../../src/unit/watch/status.ts';
import { repositoryRoot } from '../repository.ts';

export const IQN = 'iqn.2024-01.lab.example:tee';
export const SIZE = 1 << 30;
export const DIRECT = 14600;

export interface Pattern {
  name: string;
  count: number;
  depth: number;
  bytes: number;
  step: number;
}

export const PATTERNS: readonly Pattern[] = [
  { name: '4K d1', count: 4000, depth: 1, bytes: 4096, step: 4_198_400 },
  { name: '4K d32', count: 25_000, depth: 32, bytes: 4096, step: 4_198_400 },
  { name: '64K d8', count: 3000, depth: 8, bytes: 65_536, step: 65_536 },
  { name: '256K d4', count: 1200, depth: 4, bytes: 262_144, step: 262_144 },
];

/** What looks at a unit, and how: each second, as far as not said otherwise. */
export type Looking = 'status' | 'page' | 'metrics' | 'all' | 'fifty';

export interface Unit {
  process: ChildProcess;
  control: string;
  image: string;
}

export interface Path {
  name: string;
  port: number;
  unit?: Unit;
  /** Has somebody look at the unit, or no longer. */
  watch?: (word: Looking | 'off') => Promise<void>;
}

/** Of `qemu-img`, for writes. */
export function benchWords({ count, depth, bytes, step }: Pattern, port: number, ...more: string[]): string[] {
  const load = ['-c', count, '-d', depth, '-s', bytes, '-S', step].map(String);
  return ['bench', '-f', 'raw', '-t', 'none', '-w', ...more, ...load, `iscsi://127.0.0.1:${port}/${IQN}/1`];
}

/** Operations a second of writes. */
export function bench(pattern: Pattern, port: number, ...more: string[]): number {
  const { count } = pattern;
  const words = benchWords(pattern, port, ...more);
  const said = execFileSync('qemu-img', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return count / Number(/in ([0-9.]+) sec/.exec(said)?.[1]);
}

/** Processor seconds of all threads of a process, or of its first alone; to the nanosecond (proc(5), schedstat). */
export function used({ pid }: Pick<ChildProcess, 'pid'>, threads: 'all' | 'main' = 'all'): number {
  const tasks = threads === 'main' ? [String(pid)] : readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => {
    const [onCpu] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ');
    return sum + Number(onCpu) / 1e9;
  }, 0);
}

/** A sparse file. */
export function image(path: string, bytes = SIZE): string {
  writeFileSync(path, '');
  truncateSync(path, bytes);
  return path;
}

export async function answers(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const socket = connect(port, '127.0.0.1');
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (up) return;
    await sleep(100);
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** This program, as it was built. */
export function ownCommand(): string {
  return `${process.execPath} ${join(repositoryRoot(), 'dist/src/cli/launch.cjs')}`;
}

/** Starts a unit with this configuration, and resolves once it is ready. */
export async function startUnit(command: string, path: string, config: object): Promise<ChildProcess> {
  writeFileSync(path, JSON.stringify(config));
  const [program, ...words] = [...command.split(' '), 'run', '--config', path];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('ready')) return child;
  throw new Error(`the unit ended before it was ready: ${command}`);
}

/** One who looks at a unit: a process of its own, as this one waits while it measures. */
export function watcher(
  port: number,
  control: string,
): { process: ChildProcess; watch: (word: Looking | 'off') => Promise<void> } {
  const script = join(repositoryRoot(), 'dist/test/bench/watcher.js');
  const words = [script, '127.0.0.1', String(port), control, `${IQN}/1`];
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const watch = async (word: Looking | 'off'): Promise<void> => {
    const said = once(lines, 'line');
    child.stdin.write(`${word}\n`);
    await said;
  };
  return { process: child, watch };
}

/** Everything written so far has reached the mirror. */
export async function settled({ unit }: Path): Promise<void> {
  if (unit === undefined) return;
  for (let i = 0; i < 600; i++) {
    const status = (await askControl(unit.control, { do: 'status' })) as UnitStatus;
    if (status.volumes.every(({ mirrors }) => mirrors.every((one) => one.state === 'equal' && one.behindBytes === 0)))
      return;
    await sleep(200);
  }
  throw new Error('the mirror never became equal');
}

export async function endAll(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await ended;
  }
}
