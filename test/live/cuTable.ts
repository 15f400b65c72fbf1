/**
 * `npm run cu-table -- [OUT] [PATTERN]`: every test of libiscsi's iscsi-test-cu (or those whose name contains PATTERN), one
 * process a test, with --dataloss, against `tapmirror serve`; then those that skip for want of a flag or a device, in runs
 * of their own that give it. Writes a table (result, seconds, bytes over the wire, test, first reason) to OUT and a summary
 * to standard output. Ends with 1 when a test failed, hung or crashed. Needs libiscsi-bin; runs in a network of its own.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const IQN = 'iqn.2024-01.lab.example:cu';
const PORT = 3270;
const SECOND_PORT = 3271;
const LIMIT_MS = Number(process.env.CU_LIMIT ?? 15) * 1000;
const SIZE = 64 << 20;
const LONG = 2 * 1024 ** 3;

interface Run {
  name: string;
  tests: RegExp;
  serve: readonly string[];
  cu: readonly string[];
  /** Of the image; absent: 64 MiB. */
  bytes?: number;
  /** Of each test; absent: the usual. */
  limitMs?: number;
  /** Two ways to the same logical unit. */
  twice?: boolean;
}

const USUAL = ['--thin', '--cache'];
const RUNS: readonly Run[] = [
  { name: 'all', tests: /^i?SCSI\./, serve: USUAL, cu: [] },
  { name: 'sanitize', tests: /^SCSI\.Sanitize\.(?!Reset$)/, serve: USUAL, cu: ['--allow-sanitize'] },
  // It looks whether overwriting goes on behind a reset, some seconds after it began, and a minute later whether it has ended.
  {
    name: 'sanitize-long',
    tests: /^SCSI\.Sanitize\.Reset$/,
    serve: USUAL,
    cu: ['--allow-sanitize'],
    bytes: LONG,
    limitMs: 300_000,
  },
  { name: 'removable', tests: /^SCSI\.(PreventAllow|StartStopUnit)\./, serve: [...USUAL, '--removable'], cu: [] },
  {
    name: 'physical',
    tests: /^SCSI\.(CompareAndWrite\.InvalidDataOutSize|WriteSame1[06]\.UnmapUnaligned)$/,
    serve: [...USUAL, '--physical-block-size', '4096'],
    cu: [],
  },
  { name: 'read-only', tests: /^SCSI\.ReadOnly\./, serve: [...USUAL, '--read-only'], cu: [] },
  { name: 'multipath', tests: /^SCSI\.MultipathIO\./, serve: USUAL, cu: [], twice: true },
];

type Result = 'PASS' | 'FAIL' | 'SKIP' | 'HANG' | 'CRASH' | 'OTHER';

/** The program serves until it is ended. */
async function serving(image: string, { serve, twice }: Run): Promise<ChildProcess> {
  const second = twice === true ? ['--listen', `127.0.0.1:${SECOND_PORT}`] : [];
  const words = [PROGRAM, 'serve', image, '--listen', `127.0.0.1:${PORT}`, '--name', IQN, ...second, ...serve];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith('ready')) return child;
  throw new Error('tapmirror serve ended before it was ready');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'exit');
  child.kill('SIGTERM');
  await over;
}

/** Of the only interface there is. */
function received(): number {
  const line = readFileSync('/proc/self/net/dev', 'latin1')
    .split('\n')
    .find((one) => one.trim().startsWith('lo:'));
  return Number(line?.trim().split(/[:\s]+/)[1] ?? 0);
}

function url(port: number): string {
  return `iscsi://127.0.0.1:${port}/${IQN}/1`;
}

interface Ran {
  /** As the lab's table tells it: a word in what the test printed. */
  result: Result;
  /** Passed or skipped, by what CUnit counts. */
  good: boolean;
  seconds: number;
  bytes: number;
  detail: string;
}

function cu(test: string, { cu, twice, limitMs = LIMIT_MS }: Run): Ran {
  const [since, before] = [performance.now(), received()];
  const words = ['--dataloss', '-v', ...cu, '-t', test, url(PORT), ...(twice === true ? [url(SECOND_PORT)] : [])];
  const ran = spawnSync('iscsi-test-cu', words, { encoding: 'latin1', timeout: limitMs, killSignal: 'SIGKILL' });
  const said = `${ran.stdout}${ran.stderr}`;
  // Some tests print "[FAILED]" for commands that are to fail: what CUnit itself counts is told beside it.
  const counted = /^\s*tests\s+\d+\s+\d+\s+(\d+)\s+(\d+)/m.exec(said);
  const good = counted !== null && counted[2] === '0' && counted[1] !== '0';
  const detail = said.split('\n').find((line) => /\[FAILED\]|\[SKIPPED\]|^ +1\. /.test(line)) ?? '';
  const result = resultOf(ran.error !== undefined, ran.signal, said);
  return {
    result,
    good: result === 'PASS' || result === 'SKIP' || (result === 'FAIL' && good),
    seconds: (performance.now() - since) / 1000,
    bytes: received() - before,
    detail: `${result === 'FAIL' && good ? '(CUnit: passed) ' : ''}${detail.replace(/[ \t]+/g, ' ').slice(0, 150)}`,
  };
}

function resultOf(late: boolean, signal: string | null, said: string): Result {
  if (late) return 'HANG';
  if (signal !== null) return 'CRASH';
  if (said.includes('FAILED')) return 'FAIL';
  if (said.includes('[SKIPPED]')) return 'SKIP';
  return said.includes('passed') ? 'PASS' : 'OTHER';
}

async function table(out: string, pattern: string): Promise<number> {
  const listed = execFileSync('iscsi-test-cu', ['-l'], { encoding: 'latin1', stdio: ['ignore', 'pipe', 'ignore'] });
  const tests = listed.split('\n').filter((line) => /^i?SCSI\.[^.]+\.[^.]+$/.test(line) && line.includes(pattern));
  const folder = mkdtempSync(join(tmpdir(), 'cu-table-'));
  const image = join(folder, 'cu.img');
  writeFileSync(out, '# result\tseconds\tbytes\ttest\tdetail\n');
  let bad = 0;
  try {
    for (const run of RUNS) {
      const wanted = tests.filter((test) => run.tests.test(test));
      if (wanted.length === 0) continue;
      rmSync(`${image}.lu`, { force: true });
      writeFileSync(image, '');
      truncateSync(image, run.bytes ?? SIZE);
      const words = `serve ${run.serve.join(' ')}; iscsi-test-cu --dataloss ${run.cu.join(' ')}`.trimEnd();
      appendFileSync(out, `# run ${run.name}: ${words}${run.twice === true ? ', two portals' : ''}\n`);
      const counts = new Map<Result, number>();
      let child = await serving(image, run);
      for (const test of wanted) {
        const { result, good, seconds, bytes, detail } = cu(test, run);
        counts.set(result, (counts.get(result) ?? 0) + 1);
        appendFileSync(out, `${result}\t${seconds.toFixed(1)}\t${bytes}\t${test}\t${detail}\n`);
        if (!good) bad++;
        const dead = child.exitCode !== null || child.signalCode !== null;
        if (dead) appendFileSync(out, `# tapmirror died in ${test}\n`);
        if (!dead && result !== 'HANG' && result !== 'CRASH') continue;
        await ended(child);
        child = await serving(image, run);
      }
      await ended(child);
      const summary = [...counts].map(([result, count]) => `${count} ${result}`).join(', ');
      appendFileSync(out, `# summary of ${run.name}: ${summary}\n`);
      console.log(`${run.name}: ${summary}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const line of readFileSync(out, 'latin1').split('\n')) {
    if (/^(FAIL|HANG|CRASH|OTHER)\t/.test(line)) console.log(line);
  }
  console.log(bad === 0 ? 'none failed by what CUnit counts' : `${bad} failed by what CUnit counts`);
  return bad;
}

const [out = 'iscsi-test-cu.txt', pattern = ''] = process.argv.slice(2);
if (process.env.CU_NETWORK === 'own') {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  process.exitCode = (await table(out, pattern)) === 0 ? 0 : 1;
} else {
  const map = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const words = [...map, '--net', process.execPath, fileURLToPath(import.meta.url), out, pattern];
  const ran = spawnSync('unshare', words, { stdio: 'inherit', env: { ...process.env, CU_NETWORK: 'own' } });
  process.exitCode = ran.status ?? 1;
}
