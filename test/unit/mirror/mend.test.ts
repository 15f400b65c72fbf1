import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import { Ring } from '../../../src/buffer/ring.ts';
import { Mirror, type MirrorOptions } from '../../../src/mirror/mirror.ts';
import type { MirrorRequest } from '../../../src/mirror/requests.ts';
import { Unresolved } from '../../../src/record/unresolved.ts';

const BLOCK = 512;
const SIZE = 64 * BLOCK;
const BROKEN = new Fault('local', 'its target does not answer');

function bench(options: Partial<MirrorOptions> = {}) {
  const ring = new Ring({ give: () => {}, eased: () => {} });
  const record = new Unresolved();
  const backlog = ring.join((change) => mirror.step({ kind: 'missed', change }));
  const name = { to: 'file:/mirror', medium: 'file' as const };
  const mirror: Mirror = new Mirror({ name, backlog, record, size: SIZE, ...options });
  let seq = 0;
  const write = (lbn: number): readonly MirrorRequest[] => {
    const pieces = [{ offset: lbn * BLOCK, length: BLOCK, payload: [new Uint8Array(BLOCK)] }];
    ring.push({ seq: ++seq, at: 0n, lu: 'iqn.test/0', pieces, fua: false });
    mirror.step({ kind: 'more' });
    return mirror.take();
  };
  return { mirror, record, write };
}

describe('B7 a mirror that comes back', () => {
  it('writes nothing while it is broken, remembers all of it, and is brought up to date once it is mended', () => {
    const { mirror, record, write } = bench();
    mirror.step({ kind: 'broken', fault: BROKEN });
    mirror.take();
    assert.equal(mirror.state, 'broken');
    assert.deepEqual(write(3), []);
    assert.deepEqual(record.below(SIZE).toRanges(), [[3 * BLOCK, BLOCK]]);
    mirror.step({ kind: 'mended', bytes: SIZE });
    assert.equal(mirror.fault, undefined);
    assert.equal(mirror.state, 'behind');
    mirror.step({ kind: 'resolve', limit: SIZE });
    const [copy] = mirror.take();
    assert.ok(copy.kind === 'copy');
    assert.deepEqual([copy.offset, copy.length], [3 * BLOCK, BLOCK]);
    mirror.step({ kind: 'done', id: copy.id });
    assert.equal(mirror.state, 'equal');
    assert.deepEqual(
      write(4).map(({ kind }) => kind),
      ['writev'],
    );
  });

  it('a write that fails breaks it, and its blocks are in the record when it is mended', () => {
    const { mirror, record, write } = bench();
    const [request] = write(7);
    assert.ok(request.kind === 'writev');
    mirror.step({ kind: 'failed', id: request.id, fault: BROKEN, source: false });
    assert.equal(mirror.fault, BROKEN);
    mirror.step({ kind: 'mended', bytes: SIZE });
    assert.deepEqual(record.below(SIZE).toRanges(), [[7 * BLOCK, BLOCK]]);
  });

  it('may begin broken, as a medium that could not be reached', () => {
    const { mirror } = bench({ size: 0, fault: BROKEN });
    assert.equal(mirror.state, 'broken');
    mirror.step({ kind: 'facts', blockSize: BLOCK, capacity: SIZE });
    assert.equal(mirror.fault, BROKEN);
    mirror.step({ kind: 'mended', bytes: SIZE });
    assert.equal(mirror.fault, undefined);
  });

  it('one that comes back shorter than the volume is asked to grow, and paused when it cannot', () => {
    const { mirror } = bench({ size: 0, fault: BROKEN });
    mirror.step({ kind: 'facts', blockSize: BLOCK, capacity: SIZE });
    mirror.step({ kind: 'mended', bytes: SIZE / 2 });
    const grow = mirror.take().find(({ kind }) => kind === 'grow');
    assert.ok(grow?.kind === 'grow');
    mirror.step({ kind: 'failed', id: grow.id, fault: new Fault('local', 'it cannot grow'), source: false });
    assert.equal(mirror.state, 'paused');
  });
});

describe('B8 metered copies', () => {
  it('wait for credit and use no more than they got, but for the end of one copy', () => {
    const { mirror, record } = bench({ metered: true, copyBytes: 4 * BLOCK });
    record.add(0, SIZE, 'unseen');
    mirror.step({ kind: 'resolve', limit: SIZE });
    assert.deepEqual(mirror.take(), []);
    let copied = 0;
    for (let round = 0; round < 5; round++) {
      mirror.step({ kind: 'credit', bytes: BLOCK });
      for (let asked = mirror.take(); asked.length > 0; asked = mirror.take()) {
        for (const request of asked) {
          assert.ok(request.kind === 'copy');
          copied += request.length;
          mirror.step({ kind: 'done', id: request.id });
        }
      }
    }
    assert.ok(copied <= (5 + 4) * BLOCK, `${copied} bytes copied`);
    assert.ok(copied > 0);
  });
});
