import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { membersIn, readText, removeDurably, replaceDurably } from '../../../hw/wholeFile.ts';
import { faultOf } from './faults.ts';
import { contentsOf } from './wholeFileChild.ts';

const KILLS = 4;

describe('H1 a small file that is replaced whole', () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'whole-file-'));
    path = join(folder, 'unit.json');
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('is for its user alone, has what came last, and nothing lies beside it', async () => {
    assert.equal(await readText(path), undefined);
    await replaceDurably(path, 'é');
    assert.equal(await readText(path), 'é');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await replaceDurably(path, Uint8Array.of(0x61));
    assert.equal(await readText(path), 'a');
    assert.deepEqual(await readdir(folder), ['unit.json']);
    await removeDurably(path);
    await removeDurably(path);
    assert.deepEqual(await readdir(folder), []);
  });

  it('stays as it was where the disk is full, and says what to do', async () => {
    await replaceDurably(path, 'before');
    await symlink('/dev/full', `${path}.new`);
    await assert.rejects(
      replaceDurably(path, 'after'),
      faultOf(/unit\.json .*no space left/, /^free some space there, then start again$/),
    );
    assert.equal(await readText(path), 'before');
  });

  it('is written whole after a draft that somebody else left', async () => {
    await writeFile(`${path}.new`, 'a much longer text that was never whole');
    await replaceDurably(path, 'short');
    assert.equal(await readFile(path, 'latin1'), 'short');
  });

  it('turns what the system says into a Fault with the path', async () => {
    await mkdir(path);
    await assert.rejects(readText(path), faultOf(/unit\.json .*\(reading it: EISDIR\)/));
    await assert.rejects(replaceDurably(path, ''), faultOf(/unit\.json .*\(writing it: EISDIR\)/));
    await assert.rejects(removeDurably(path), faultOf(/unit\.json .*\(writing it: E/));
    await assert.rejects(replaceDurably(join(folder, 'none', 'unit.json'), ''), faultOf(/does not exist/, /`state`/));
  });

  it(`has old or new contents after each of ${KILLS} kills in the midst of writing`, async function () {
    this.timeout(60_000);
    for (let round = 1; round <= KILLS; round++) {
      const last = await killed(path, round * 7);
      const text = await readText(path);
      assert.ok(
        text === contentsOf(last) || text === contentsOf(last + 1),
        `${last} stood there, and is now ${text?.length} bytes: ${text?.slice(0, 20)}`,
      );
    }
  });

  it('tells members of an object in JSON, and none of anything else', () => {
    assert.deepEqual(membersIn('{"a":1,"b":null}'), { a: 1, b: null });
    for (const text of ['', '{"a":', 'null', '7', '"a"']) assert.deepEqual(membersIn(text), {});
  });
});

/** Has a process replace the file again and again and kills it when it has told `steps` times; what stood there for sure. */
async function killed(path: string, steps: number): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('wholeFileChild.js', import.meta.url)), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let told = '';
  child.stdout.on('data', (bytes: Buffer) => {
    told += bytes.toString('latin1');
    if (told.split('\n').length > steps) child.kill('SIGKILL');
  });
  const [, signal] = await ended;
  assert.equal(signal, 'SIGKILL', 'the child ended by itself');
  return Number(told.split('\n').at(-2));
}
