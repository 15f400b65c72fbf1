import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FRAME_HEADER_BYTES, LinkType, preamble } from '../../../../parsers/formats/linkFrame.ts';
import { LinkSplitter } from '../../../../parsers/formats/linkSplitter.ts';
import { BodyPool } from '../../../../src/unit/link/bodyPool.ts';
import { LinkOutbox } from '../../../../src/unit/link/linkOutbox.ts';

const BODY_MAX = 400 * 1024;

describe('D1 what a link has still to write', () => {
  it('is every frame in its order, whole and counted, however they share chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bytes: fc.nat(BODY_MAX), taken: fc.boolean() }), { maxLength: 12 }),
        (frames) => {
          const pool = new BodyPool();
          const outbox = new LinkOutbox(pool);
          const bodies: Uint8Array[] = [];
          const splitter = new LinkSplitter(
            (bytes) => new Uint8Array(bytes),
            ({ body }) => bodies.push(body),
          );
          splitter.bodyMax = BODY_MAX;
          let counted = 0;
          const take = (): void => {
            const chunk = outbox.next();
            if (!chunk) return;
            assert.equal(splitter.push(chunk.bytes), undefined);
            counted += chunk.counted;
            // Its memory may be used again at once, and must not be anybody else's.
            chunk.bytes.fill(0xee);
            pool.give(chunk.bytes);
          };
          outbox.begin(preamble());
          const sent = frames.map(({ bytes, taken }, n) => {
            const body = new Uint8Array(bytes).fill(n + 1);
            const head = new Uint8Array(FRAME_HEADER_BYTES);
            outbox.put({ type: LinkType.entry, head, parts: [body], bytes }, 0, bytes);
            if (taken) take();
            return body;
          });
          for (let n = 0; n <= sent.length; n++) take();
          assert.equal(outbox.next(), undefined);
          assert.deepEqual(bodies, sent);
          assert.equal(
            counted,
            sent.reduce((sum, { length }) => sum + length, 0),
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
