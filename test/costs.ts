import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Runner } from 'mocha';
import { repositoryRoot } from './repository.ts';

/** Of one test file, in seconds. */
interface Cost {
  cpu: number;
  children: number;
  wall: number;
  tests: number;
}

/** What the processes it started and waited for have used, in ticks of 10 ms (proc(5), `cutime` and `cstime`). */
function ofChildren(): number {
  const words = readFileSync('/proc/self/stat', 'latin1').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(words[13]) + Number(words[14])) / 100;
}

/** What this process has used, in seconds. */
function own(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/**
 * Appends to `path` what each test file of a run cost, one line of JSON each: seconds of processor time of this process
 * (with its workers) and of those it started, and seconds that passed. What comes between two tests belongs to the later
 * one; `load` is what came before the first.
 */
export function writeCosts(runner: Runner, path: string): void {
  const costs = new Map<string, Cost>();
  let [cpu, children, wall] = [0, 0, performance.now() - process.uptime() * 1000];
  const add = (file: string, tests: number): void => {
    const cost = costs.get(file) ?? { cpu: 0, children: 0, wall: 0, tests: 0 };
    costs.set(file, cost);
    const now = [own(), ofChildren(), performance.now()];
    cost.cpu += now[0] - cpu;
    cost.children += now[1] - children;
    cost.wall += (now[2] - wall) / 1000;
    cost.tests += tests;
    [cpu, children, wall] = now;
  };
  const of = (file: string | undefined): string => (file === undefined ? 'load' : relative(repositoryRoot(), file));
  runner.once('start', () => add('load', 0));
  runner.on('test end', (test) => add(of(test.file), 1));
  runner.on('hook end', (hook) => add(of(hook.parent?.file ?? hook.file), 0));
  runner.on('suite end', (suite) => add(of(suite.file), 0));
  runner.once('end', () => {
    for (const [file, cost] of costs) appendFileSync(path, `${JSON.stringify({ file, ...cost })}\n`);
  });
}
