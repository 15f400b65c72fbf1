import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, setPriority } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Folders, sweepSpaces } from './leftovers.ts';

/**
 * All tests, in two groups at once, each in several processes: the live ones mostly wait for real peers and go first, the
 * others take what is left of the processors. The second group's output follows the first one's, and last comes a plain
 * count for scripts. Exit status 1 where anything failed. Nothing is left behind, also where the run is interrupted.
 */
const TESTS = dirname(fileURLToPath(import.meta.url));
const MOCHA = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'lib', 'cli', 'cli.js');
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Browsers and other grandchildren go in peace within this time. */
const GRACE_MS = 2000;

interface Group {
  files: readonly string[];
  /** Files that run at a time. */
  jobs: number;
  /** Nice value. */
  nice: number;
}

interface Outcome {
  passed: number;
  failed: number;
  code: number;
}

/** Those that take longest; what is begun last should be short. */
const LONG = [
  'live/package',
  'live/journeyChain',
  'live/journey',
  'live/unitSuites',
  'live/initiator',
  'live/unitTap',
  'live/serve',
  'live/tee',
  'fuzz/fuzz',
  'sim/journey',
  'sim/relay',
  'captures/removal',
  'page/pageUse',
  'crash/queue',
].map((name) => `${name}.test.js`);

function place(file: string): number {
  const at = LONG.indexOf(file);
  return at === -1 ? LONG.length : at;
}

function testFiles(): { live: string[]; others: string[] } {
  const files = readdirSync(TESTS, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
    .map((entry) => relative(TESTS, join(entry.parentPath, entry.name)))
    .sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  const live = (file: string): boolean => file.startsWith('live/');
  return { live: files.filter(live), others: files.filter((file) => !live(file)) };
}

/** Process groups, by their first processes. */
const started = new Set<number>();

/** Runs in a process group of its own, so that all it started can be ended. */
function run({ files, jobs, nice }: Group, env: NodeJS.ProcessEnv, write: (text: string) => void): Promise<Outcome> {
  const words = ['--forbid-only', '--parallel', '--jobs', `${jobs}`];
  const own = ['--require', join(TESTS, 'setup.js'), '--reporter', join(TESTS, 'reporter.js')];
  const paths = files.map((file) => join(TESTS, file));
  const mocha = spawn(process.execPath, ['--enable-source-maps', MOCHA, ...words, ...own, ...paths], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env,
  });
  if (mocha.pid !== undefined) {
    started.add(mocha.pid);
    setPriority(mocha.pid, nice);
  }
  let tail = '';
  for (const stream of [mocha.stdout, mocha.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-1000);
      write(text);
    });
  }
  return new Promise((resolve) => {
    mocha.on('close', (code) => {
      const [, passed = 0, failed = 0] = /(\d+) passed, (\d+) failed\s*$/.exec(tail) ?? [];
      resolve({ passed: Number(passed), failed: Number(failed), code: code ?? 1 });
    });
  });
}

/** Process groups that have a process, which gets the signal, if there is one. */
function groups(signal: NodeJS.Signals | 0): number[] {
  return [...started].filter((pid) => {
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  });
}

/** All that runs is asked to end, and made to where it does not. */
async function endAll(): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    groups(signal);
    for (const end = performance.now() + GRACE_MS; groups(0).length > 0 && performance.now() < end; ) await pause(20);
  }
}

function tidy(folders: Folders): void {
  sweepSpaces();
  folders.close();
}

function onInterrupt(folders: Folders): void {
  for (const signal of SIGNALS) {
    process.once(signal, () => {
      void endAll().then(() => {
        tidy(folders);
        process.exit(128 + constants.signals[signal]);
      });
    });
  }
}

const folders = new Folders();
onInterrupt(folders);
const { live, others } = testFiles();
let late: string | undefined = '';
const waiting = run({ files: live, jobs: 2, nice: 0 }, folders.env, (text) => {
  if (late === undefined) process.stdout.write(text);
  else late += text;
});
const first = await run({ files: others, jobs: 2, nice: 5 }, folders.env, (text) => process.stdout.write(text));
process.stdout.write(`\nLive tests:\n${late}`);
late = undefined;
const outcomes = [first, await waiting];
tidy(folders);
const sum = (of: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[of], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = outcomes.some(({ code }) => code !== 0) ? 1 : 0;
