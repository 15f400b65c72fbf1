import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../repository.ts';

const dist = join(repositoryRoot(), 'dist');

function version(launcher: string): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, '--version'], { encoding: 'utf8' });
  return { status, said: (stdout + stderr).trim() };
}

describe('the launcher', () => {
  const expected = {
    status: 0,
    said: JSON.parse(readFileSync(join(repositoryRoot(), 'package.json'), 'utf8')).version,
  };
  let folder: string;

  /** A launcher and its bundle in a folder of their own, still below the packages they need. */
  before(() => {
    folder = mkdtempSync(join(dist, 'launch-'));
    mkdirSync(join(folder, 'src/cli'), { recursive: true });
    copyFileSync(join(dist, 'src/cli/launch.cjs'), join(folder, 'src/cli/launch.cjs'));
    copyFileSync(join(dist, 'tapmirror.cjs'), join(folder, 'tapmirror.cjs'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('starts the bundle with the byte code that the build kept', () => {
    assert.deepEqual(version(join(dist, 'src/cli/launch.cjs')), expected);
  });

  it('starts the bundle without kept code, and with code that this Node refuses', () => {
    const launcher = join(folder, 'src/cli/launch.cjs');
    assert.deepEqual(version(launcher), expected);
    writeFileSync(join(folder, 'tapmirror.cjs.code'), 'not byte code');
    assert.deepEqual(version(launcher), expected);
  });

  it('says how to build it where nothing was built', () => {
    rmSync(join(folder, 'tapmirror.cjs'));
    const { status, said } = version(join(folder, 'src/cli/launch.cjs'));
    assert.equal(status, 1);
    assert.match(said, /npm run build/);
  });
});
