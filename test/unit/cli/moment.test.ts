import assert from 'node:assert/strict';
import { readMoment } from '../../../src/cli/moment.ts';

/** A Saturday noon, in whatever zone this machine is. */
const NOW = new Date(2026, 2, 14, 12, 0, 0).getTime();

function ns(ms: number): string {
  return String(BigInt(ms) * 1_000_000n);
}

/** As a person of this machine reads the calendar. */
function local(day: number, hour: number, minute = 0, second = 0, month = 2): string {
  return ns(new Date(2026, month, day, hour, minute, second).getTime());
}

async function timeOf(words: string): Promise<string | undefined> {
  return (await readMoment(words, NOW)).time;
}

describe('C2 a moment as people write it', () => {
  const times: [words: string, wanted: string][] = [
    ['2026-03-01T14:05:00Z', ns(Date.UTC(2026, 2, 1, 14, 5))],
    ['2026-03-01T14:05Z', ns(Date.UTC(2026, 2, 1, 14, 5))],
    ['2026-03-01T14:05:00+02:00', ns(Date.UTC(2026, 2, 1, 12, 5))],
    ['2026-03-01 14:05:00 -0530', ns(Date.UTC(2026, 2, 1, 19, 35))],
    ['2026-03-01T14:05:00+02', ns(Date.UTC(2026, 2, 1, 12, 5))],
    ['2026-03-01T14:05:06.123456789Z', `${Date.UTC(2026, 2, 1, 14, 5, 6) / 1000}123456789`],
    ['2026-03-01 14:05', local(1, 14, 5)],
    ['2026-03-01T14:05:07', local(1, 14, 5, 7)],
    ['2026-03-01', local(1, 0)],
    ['10 minutes ago', ns(NOW - 600_000)],
    ['-15m', ns(NOW - 900_000)],
    ['-2h30m', ns(NOW - 9_000_000)],
    ['-90s', ns(NOW - 90_000)],
    ['yesterday 14:00', local(13, 14)],
    ['Friday 9:30', local(13, 9, 30)],
    ['9:30', local(14, 9, 30)],
    ['17:00', local(13, 17)],
    ['now', ns(NOW)],
  ];
  for (const [words, wanted] of times) {
    it(words, async () => assert.equal(await timeOf(words), wanted));
  }

  for (const words of [
    'before-upgrade',
    'tomorrow',
    'upgrade at noon',
    '2026-13-01',
    '2027-01-01',
    '',
    'm1',
    'in 5 minutes',
  ]) {
    it(`${JSON.stringify(words)} is no time that has been`, async () => assert.equal(await timeOf(words), undefined));
  }

  it('a word may be a bookmark as well, a number a sequence, and a prefix says what is meant', async () => {
    assert.deepEqual(await readMoment('noon', NOW), { words: 'noon', mark: 'noon', time: ns(NOW) });
    assert.deepEqual(await readMoment('2026', NOW), { words: '2026', mark: '2026', sequence: 2026 });
    assert.deepEqual(await readMoment('seq:7', NOW), { words: '7', sequence: 7 });
    // The number of a group's moment.
    assert.equal((await readMoment('1795287844403001', NOW)).sequence, 1_795_287_844_403_001);
    assert.equal((await readMoment('9007199254740993', NOW)).sequence, undefined);
    assert.deepEqual(await readMoment('mark:noon', NOW), { words: 'noon', mark: 'noon' });
    assert.deepEqual(await readMoment('time: noon', NOW), { words: 'noon', time: ns(NOW) });
    assert.deepEqual(await readMoment('mark:seq:7', NOW), { words: 'seq:7', mark: 'seq:7' });
  });
});
