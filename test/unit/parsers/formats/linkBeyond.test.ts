import assert from 'node:assert/strict';
import fc from 'fast-check';
import { boundBeyond, type LinkBeyond, readBeyond } from '../../../../parsers/formats/linkBeyond.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const FILE: LinkBeyond = { to: 'file:/a.img', state: 'equal', behindBytes: 0 };
const through = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('H4 what a far end tells of its mirrors', () => {
  it('reads back as it was written, one unit behind the other', () => {
    const third = { ...FILE, state: 'broken', behindBytes: 9, why: 'no space left' };
    const all = [FILE, { to: 'journey://c/d', state: 'behind', behindBytes: 5, peer: 'c', beyond: [third] }];
    assert.deepEqual(readBeyond(through(boundBeyond(all))), all);
    assert.deepEqual(readBeyond(through([{ ...FILE, mood: 'good' }])), [FILE], 'what it does not know is left alone');
  });

  it('is as much as the other end takes, however much there is', () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ ...FILE, to: `file:/${i}` }));
    assert.equal(boundBeyond(many).length, 32);
    const deep = many.reduce<LinkBeyond[]>((beyond) => [{ ...FILE, why: 'x'.repeat(2000), beyond }], []);
    const bound = boundBeyond([...deep, ...many]);
    assert.deepEqual(readBeyond(through(bound)), bound);
    assert.ok(JSON.stringify(bound).length < 65_536 / 2);
  });

  it('is refused where it is nothing of the kind', () => {
    const wrong: unknown[] = [
      undefined,
      null,
      {},
      'x',
      [1],
      [null],
      [{}],
      [{ ...FILE, to: 1 }],
      [{ ...FILE, behindBytes: -1 }],
    ];
    wrong.push([{ ...FILE, behindBytes: 0.5 }], [{ ...FILE, why: 5 }], [{ ...FILE, beyond: {} }], Array(33).fill(FILE));
    wrong.push([{ ...FILE, to: 'x'.repeat(600) }], [{ ...FILE, beyond: [{ ...FILE, beyond: [{}] }] }]);
    wrong.push([{ ...FILE, beyond: [{ ...FILE, beyond: [{ ...FILE, beyond: [{ ...FILE, beyond: [FILE] }] }] }] }]);
    for (const value of wrong) assert.ok(isParseFault(readBeyond(value)), JSON.stringify(value)?.slice(0, 80));
  });

  it('has no control characters, which a terminal would act upon', () => {
    const read = readBeyond([{ ...FILE, to: 'a\u001b[2Jb', why: 'c\u202ed' }]);
    assert.deepEqual(read, [{ ...FILE, to: 'a [2Jb', why: 'c d' }]);
  });

  it('takes any JSON without throwing', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void readBeyond(value)));
  });
});
