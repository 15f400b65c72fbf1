import assert from 'node:assert/strict';
import { beyondVerdict } from '../../../src/page/beyond.ts';
import { firstVerdict, mirrorVerdict, sourceCounters, unitVerdict, volumeVerdict } from '../../../src/page/verdict.ts';
import { bytesWords, progressWords, secondsWords, shortName, timeWords } from '../../../src/page/words.ts';
import { BEYOND, JOBS, LINK, MadeUpUnit, mirror, SERVE, volume } from '../../page/kit/madeUp.ts';

describe('H4 what the page says', () => {
  it("says a mirror's state in the words of the status, with its fault", () => {
    const error = { message: 'the medium is full', mend: 'give it room' };
    assert.deepEqual(mirrorVerdict(mirror('file:a')), { tone: 'ok', word: 'equal' });
    assert.deepEqual(mirrorVerdict(mirror('file:a', { state: 'broken', error })), {
      tone: 'bad',
      word: 'broken',
      why: error.message,
      mend: error.mend,
    });
    assert.deepEqual(mirrorVerdict(mirror('file:a', { state: 'paused', error })).tone, 'warn');
    const progress = { done: 43, total: 100 };
    assert.deepEqual(mirrorVerdict(mirror('file:a', { state: 'copying', progress })), {
      tone: 'work',
      word: 'copying 43 %',
    });
    assert.deepEqual(
      mirrorVerdict(mirror('file:a', { state: 'copying', progress: { done: 1, total: 0 } })).word,
      'copying',
    );
    const cut = { ...LINK, connected: false, lastFault: 'the connection was lost' };
    assert.deepEqual(mirrorVerdict(mirror('journey://a/b', { state: 'behind', link: cut })), {
      tone: 'warn',
      word: 'behind, not connected',
      why: cut.lastFault,
    });
    const held = mirrorVerdict(
      mirror('journey://a/b', { state: 'behind', link: { ...LINK, paused: 'the queue is full' } }),
    );
    assert.deepEqual([held.tone, held.why], ['warn', 'the queue is full']);
  });

  it('counts the worst of a volume, and of the unit', () => {
    const up = volume('a/0', [mirror('file:a'), mirror('file:b', { state: 'behind' })]);
    assert.deepEqual(volumeVerdict(up), { tone: 'info', word: '1 equal, 1 behind' });
    const first = { url: 'iscsi://a/b/0', state: 'down', error: { message: 'gone' } } as const;
    assert.deepEqual(volumeVerdict({ ...up, first }), { tone: 'bad', word: 'first volume down', why: 'gone' });
    assert.equal(firstVerdict({ url: '', state: 'none' }).tone, 'none');
    const unit = new MadeUpUnit(8).status();
    assert.deepEqual(unitVerdict(unit), { tone: 'bad', word: '3 of 8 volumes need attention' });
    const calm = { ...unit, volumes: [volume('a/0', [mirror('file:a')])] };
    assert.deepEqual(unitVerdict(calm), { tone: 'ok', word: '1 volume, 1 mirror: all equal' });
    const { serve: _, ...alone } = { ...calm, volumes: [], serve: SERVE };
    assert.deepEqual(unitVerdict(alone), { tone: 'ok', word: '0 volumes, 0 mirrors' });
    assert.deepEqual(unitVerdict({ ...alone, serve: { ...SERVE, absent: [] } }), {
      tone: 'ok',
      word: '1 logical unit served',
    });
    assert.match(
      unitVerdict({ ...calm, serve: SERVE }).word,
      /served\/2 is not served: the target .* does not answer$/,
    );
    const error = { message: 'frames were missed', mend: 'look' };
    const missed = { tone: 'warn', word: '1 volume, 1 mirror: frames were missed', mend: 'look' };
    assert.deepEqual(unitVerdict({ ...calm, source: { ...calm.source, error } }), missed);
    assert.deepEqual(unitVerdict({ ...calm, buffer: { ...calm.buffer, error } }), missed);
  });

  it('tells what is wrong beyond a far unit, however far', () => {
    const at = (beyond: typeof BEYOND) => mirror('journey://a/b', { link: { ...LINK, beyond } });
    assert.deepEqual(mirrorVerdict(at(BEYOND)), { tone: 'ok', word: 'equal' });
    const third = { to: 'file:c', state: 'broken', behindBytes: 1, why: 'no space left' };
    const broken = [BEYOND[0], { ...BEYOND[1], beyond: [third, { ...third, state: 'paused' }] }];
    assert.deepEqual(mirrorVerdict(at(broken)), {
      tone: 'warn',
      word: 'equal, 2 beyond it need attention',
      why: 'file:c is broken: no space left',
    });
    // A word that this version does not know is shown, and frightens nobody.
    assert.equal(beyondVerdict({ to: 'file:c', state: 'resting', behindBytes: 0 }).tone, 'none');
  });

  it('says how far a job is', () => {
    assert.equal(progressWords(JOBS[1]), '43 %, 43 MiB of 100 MiB, 1.0 MiB/s, 57 s left');
    assert.equal(
      progressWords({ ...JOBS[1], total: 0, bytesPerSecond: 0, secondsLeft: null }),
      'nobody knows how far it is',
    );
  });

  it('tells lost frames of a tap, whoever lost them', () => {
    const source = { kind: 'tap' as const, text: 'tap a', drops: { kernel: 2, interface: 1, own: 0 }, frames: 9 };
    assert.deepEqual(sourceCounters(source), [
      ['frames', 9],
      ['lost frames', 3],
    ]);
  });

  it('writes figures so that people can read them', () => {
    assert.deepEqual([0, 999, 1000, 1536, 10 * 1024, 5 << 20, 1 << 30].map(bytesWords), [
      '0 B',
      '999 B',
      '1.0 KiB',
      '1.5 KiB',
      '10 KiB',
      '5.0 MiB',
      '1.0 GiB',
    ]);
    assert.deepEqual([0, 0.01, 0.4, 59.4, 61, 3660, 90_000].map(secondsWords), [
      '0 s',
      '<0.1 s',
      '0.4 s',
      '59 s',
      '1 min 1 s',
      '1 h 1 min',
      '1 d 1 h',
    ]);
    assert.deepEqual(['file:/var/a/b.img', 'iscsi://10.0.0.2:3260/iqn.x/1', 'journey://h:7260/d'].map(shortName), [
      'b.img',
      'iqn.x/1 at 10.0.0.2:3260',
      'd at h:7260',
    ]);
    const noon = new Date(2026, 2, 4, 12, 5, 6).getTime();
    assert.equal(timeWords(noon, noon + 1000), '12:05:06');
    assert.equal(timeWords(noon, noon + 86_400_000), '2026-03-04 12:05:06');
  });
});
