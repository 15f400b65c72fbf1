import assert from 'node:assert/strict';
import { firstVerdict, mirrorVerdict, unitVerdict, volumeVerdict } from '../../../src/page/verdict.ts';
import { bytesWords, secondsWords, shortName, timeWords } from '../../../src/page/words.ts';
import { LINK, MadeUpUnit, mirror, volume } from '../../page/kit/madeUp.ts';

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
    const error = { message: 'frames were missed', mend: 'look' };
    const missed = { tone: 'warn', word: '1 volume, 1 mirror: frames were missed', mend: 'look' };
    assert.deepEqual(unitVerdict({ ...calm, source: { ...calm.source, error } }), missed);
    assert.deepEqual(unitVerdict({ ...calm, buffer: { ...calm.buffer, error } }), missed);
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
