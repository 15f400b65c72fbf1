import { outcome, run } from './processes.ts';

/** What a test of libiscsi's conformance suite came to. */
export interface Conformance {
  test: string;
  result: 'PASS' | 'FAIL' | 'SKIP' | 'CRASH' | 'OTHER';
  /** The first line that says why it is not `PASS`, or nothing. */
  reason: string;
}

/** Runs tests of libiscsi's conformance suite on an LU (`SCSI.Write10.*`, or one by its whole name); they write all over it. */
export async function conformance(space: string, url: string, test: string): Promise<Conformance> {
  const { code, out, err } = await outcome(space, ['iscsi-test-cu', '--dataloss', '-v', '-t', test, url], 30_000);
  const text = `${out}\n${err}`;
  const why = text.split('\n').find((line) => /\[FAILED\]|\[SKIPPED\]|^ +1\. /.test(line));
  return { test, result: resultOf(code, text), reason: (why ?? '').replace(/\s+/g, ' ').trim().slice(0, 150) };
}

function resultOf(code: number | string | null, text: string): Conformance['result'] {
  if (typeof code !== 'number') return 'CRASH';
  if (text.includes('FAILED')) return 'FAIL';
  if (text.includes('[SKIPPED]')) return 'SKIP';
  return text.includes('passed') ? 'PASS' : 'OTHER';
}

/** The names of all tests of these suites. */
export async function suiteTests(suites: readonly string[]): Promise<string[]> {
  const { out, err } = await outcome(undefined, ['iscsi-test-cu', '-l']);
  const all = `${out}\n${err}`.split('\n').map((line) => line.trim());
  return all.filter((line) => suites.some((suite) => new RegExp(`^${suite}\\.\\w+$`).test(line)));
}

/** Runs commands of qemu-io on an LU; rejects when one fails or reads what it does not expect. */
export async function qemuIo(space: string, url: string, commands: readonly string[]): Promise<void> {
  const words = commands.flatMap((command) => ['-c', command]);
  const said = await run(space, ['qemu-io', '-f', 'raw', ...words, url]);
  if (/failed|error|verification/i.test(said)) throw new Error(`qemu-io: ${said.slice(0, 600)}`);
}
