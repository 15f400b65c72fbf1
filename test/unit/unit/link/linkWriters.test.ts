import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../../../src/base/fault.ts';
import type { LinkKeys } from '../../../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../../../src/unit/link/journeyVolume.ts';
import { KeptWriters } from '../../../../src/unit/link/linkWriters.ts';
import { MemoryFarStore } from '../../../kit/farStore.ts';
import { Authority, journeyOptions, serve } from '../../../kit/journey.ts';

describe('D1 who may send a volume', () => {
  let keys: Record<'a' | 'b' | 'far', LinkKeys>;
  let folder: string;
  let file: string;

  before(async () => {
    const authority = await Authority.make();
    keys = { a: await authority.unit('a'), b: await authority.unit('b'), far: await authority.unit('far') };
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-writers-'));
    file = join(folder, 'vol1.from');
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What comes of each unit that tries to send the volume, one after the other, to a unit that was started for it. */
  const tried = async (units: readonly ('a' | 'b')[], from?: readonly string[]): Promise<{ notices: string[] }> => {
    const store = new MemoryFarStore(65536);
    const notices: string[] = [];
    const notice = (text: string): void => void notices.push(text);
    const writers = new KeptWriters({ from: () => from, path: () => file, notice });
    const { service, port } = await serve(keys.far, { vol1: store }, { writers, notice });
    try {
      for (const unit of units) {
        const volume = await openJourneyVolume(journeyOptions(port, keys[unit], { unit }));
        const pieces = [{ offset: 0, length: 512, payload: [new Uint8Array(512).fill(1)] }];
        await volume.append({ kind: 'change', at: 1n, pieces, consistent: true });
        await volume.close();
      }
      return { notices };
    } catch (error) {
      (error as { notices?: string[] }).notices = notices;
      throw error;
    } finally {
      await service.close();
    }
  };

  const refused = async (work: Promise<unknown>, words: RegExp): Promise<void> => {
    await assert.rejects(work, (fault: Fault & { notices?: string[] }) => {
      assert.match(fault.message, words);
      assert.match(fault.mend ?? '', /at the receiver/);
      assert.equal(fault.unreachable, false);
      assert.match(fault.notices?.join('\n') ?? '', words, 'the receiver says so too');
      return true;
    });
  };

  it('without names in the configuration: the first that did, also after a restart, until its file is deleted', async () => {
    const { notices } = await tried(['a', 'a']);
    assert.equal(notices.filter((text) => /unit a is its sender from now on/.test(text)).length, 1);
    await tried(['a']);
    await refused(tried(['b']), /volume vol1 takes changes of unit a only, and this is unit b/);
    await refused(tried(['a', 'b']), /takes changes of unit a only/);
    rmSync(file);
    await tried(['b']);
    await refused(tried(['a']), /takes changes of unit b only/);
  });

  it('the units that the configuration names, whoever was the first', async () => {
    await tried(['a']);
    await tried(['b'], ['b']);
    await refused(tried(['a'], ['b']), /takes changes of unit b only, and this is unit a/);
    await tried(['a', 'b'], ['a', 'b']);
    await refused(tried(['a'], ['x', 'y']), /takes changes of units x, y only, and this is unit a/);
  });

  it('nobody while it is not known who did', async () => {
    writeFileSync(file, '{"from": 7}\n');
    await assert.rejects(tried(['a']), (fault: Fault) => {
      assert.match(fault.message, /vol1\.from names no unit/);
      return fault.unreachable;
    });
    assert.equal(readFileSync(file, 'utf8'), '{"from": 7}\n');
  });

  it('only one of two that are the first at the same moment', async () => {
    const writers = new KeptWriters({ from: () => undefined, path: () => file, notice: () => undefined });
    const answers = await Promise.all(['a', 'b', 'a', 'c'].map((unit) => writers.admit('vol1', unit)));
    assert.deepEqual(
      answers.map((answer) => answer === undefined),
      [true, false, true, false],
    );
    assert.ok(!existsSync(`${file}.new`));
  });
});
