import assert from 'node:assert/strict';
import { compressBody } from '../../../../hw/linkCompress.ts';
import type { LinkEvents, LinkStream } from '../../../../hw/linkStream.ts';
import { LinkScribe } from '../../../../parsers/formats/linkBytes.ts';
import { FRAME_HEADER_BYTES, LinkType, preamble, sealFrame } from '../../../../parsers/formats/linkFrame.ts';
import { LINK_COMPRESSION } from '../../../../parsers/formats/linkGreeting.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { BodyPool } from '../../../../src/unit/link/bodyPool.ts';
import { LinkEnd } from '../../../../src/unit/link/linkEnd.ts';
import { monotonic, until } from '../../../kit/journey.ts';

const LONG = 512 * 1024;

/** What one side sends whose every frame becomes half a megabyte, and is a hundred bytes long. */
async function bombs(count: number): Promise<Uint8Array> {
  const small = await compressBody('deflate', new Uint8Array(LONG));
  const head = new LinkScribe(FRAME_HEADER_BYTES, 4).varint(LONG).done();
  const bytes = head.length - FRAME_HEADER_BYTES + small.length;
  const parts: Uint8Array[] = [preamble()];
  for (let n = 0; n < count; n++) {
    const frame = { type: LinkType.ping, head: copyOf(head), parts: [small], bytes };
    parts.push(...sealFrame(frame, n, LINK_COMPRESSION.indexOf('deflate')));
  }
  return Buffer.concat(parts);
}

describe('D2 one side of a link', () => {
  it('hands nothing over while nothing is wanted, however much short frames become', async () => {
    let events: LinkEvents | undefined;
    const stream: LinkStream = {
      remote: '',
      peer: '',
      sentBytes: 0,
      receivedBytes: 0,
      listen: (to) => {
        events = to;
      },
      write: (_, written) => written(),
      pause: () => undefined,
      resume: () => undefined,
      end: () => undefined,
      destroy: () => undefined,
    };
    let taken = 0;
    const end = new LinkEnd({
      stream,
      pool: new BodyPool(),
      frame: (_, body) => {
        assert.equal(body.length, LONG);
        taken++;
        end.hold(true);
      },
      heard: () => undefined,
      written: () => undefined,
      over: (fault) => assert.fail(fault.message),
      now: monotonic,
    });
    end.greeted();
    events?.received(await bombs(40));
    for (let n = 1; n <= 40; n++) {
      await until(() => taken >= n);
      assert.equal(taken, n);
      // Whatever is being expanded has its turn.
      await compressBody('deflate', new Uint8Array(LONG));
      await new Promise(setImmediate);
      assert.equal(taken, n);
      end.hold(false);
    }
    end.destroy();
  });
});
