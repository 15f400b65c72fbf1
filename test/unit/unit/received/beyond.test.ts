import assert from 'node:assert/strict';
import type { LinkBeyond } from '../../../../parsers/formats/linkBeyond.ts';
import { BeyondNews, beyondOf } from '../../../../src/unit/received/beyond.ts';
import { LINK, mirror } from '../../../page/kit/madeUp.ts';

const FILE: LinkBeyond = { to: 'file:a', state: 'equal', behindBytes: 0 };

describe('H4 what a sender is told of the mirrors at a far end', () => {
  it('is their state in the words of the status, and what is beyond them', () => {
    const mirrors = [
      mirror('file:a'),
      mirror('file:b', { state: 'broken', behindBytes: 7, error: { message: 'no space left' } }),
      mirror('journey://c/d', { state: 'behind', behindBytes: 5, link: { ...LINK, peer: 'c', beyond: [FILE] } }),
      mirror('journey://e/f', { link: { ...LINK, connected: false, lastFault: 'the connection was lost' } }),
      mirror('journey://g/h', { link: { ...LINK, peer: '', paused: 'the queue is full' } }),
    ];
    assert.deepEqual(beyondOf(mirrors), [
      FILE,
      { to: 'file:b', state: 'broken', behindBytes: 7, why: 'no space left' },
      { to: 'journey://c/d', state: 'behind', behindBytes: 5, peer: 'c', beyond: [FILE] },
      { to: 'journey://e/f', state: 'equal', behindBytes: 0, why: 'the connection was lost' },
      { to: 'journey://g/h', state: 'equal', behindBytes: 0, why: 'the queue is full' },
    ]);
  });

  it('is told when states change, at most each second, and amounts each five', () => {
    const news = new BeyondNews();
    const at = (seconds: number, change: Partial<LinkBeyond> = {}): boolean =>
      news.due([{ ...FILE, ...change }], seconds * 1e9);
    assert.equal(at(0), true);
    assert.equal(at(0.5, { state: 'broken' }), false);
    assert.equal(at(1, { state: 'broken' }), true);
    assert.equal(at(100, { state: 'broken' }), false);
    assert.equal(at(101, { state: 'broken', behindBytes: 5 }), true);
    assert.equal(at(104, { state: 'broken', behindBytes: 6 }), false);
    assert.equal(at(106, { state: 'broken', behindBytes: 6 }), true);
    assert.equal(at(107, { state: 'broken', behindBytes: 6, beyond: [FILE] }), true);
  });
});
