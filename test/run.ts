import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * All tests, in two processes at once: the live ones mostly wait for real peers, the others for the processor. The second
 * one's output follows the first one's, and last comes a plain count for scripts. Exit status 1 where anything failed.
 */
const TESTS = dirname(fileURLToPath(import.meta.url));
const MOCHA = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin', 'mocha.js');

const LIVE = [`${TESTS}/live/**/*.test.js`];
const OTHERS = [`${TESTS}/**/*.test.js`, '--ignore', `${TESTS}/live/**`];

interface Outcome {
  passed: number;
  failed: number;
  code: number;
}

function run(words: readonly string[], write: (text: string) => void): Promise<Outcome> {
  const mocha = spawn(process.execPath, [MOCHA, '--forbid-only', '--reporter', join(TESTS, 'reporter.js'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

let late: string | undefined = '';
const live = run(LIVE, (text) => {
  if (late === undefined) process.stdout.write(text);
  else late += text;
});
const others = await run(OTHERS, (text) => process.stdout.write(text));
process.stdout.write(`\nLive tests:\n${late}`);
late = undefined;
const outcomes = [others, await live];
const sum = (of: 'passed' | 'failed'): number => outcomes.reduce((total, outcome) => total + outcome[of], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = outcomes.some(({ code }) => code !== 0) ? 1 : 0;
