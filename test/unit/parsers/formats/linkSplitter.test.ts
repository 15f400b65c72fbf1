import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  FRAME_BODY_MAX,
  FRAME_HEADER_BYTES,
  GREETING_BODY_MAX,
  LINK_VERSION,
  LinkType,
  preamble,
  readPreamble,
  sealFrame,
  shortFrame,
} from '../../../../parsers/formats/linkFrame.ts';
import { ackFrame } from '../../../../parsers/formats/linkRequests.ts';
import { LinkSplitter, type ReceivedFrame } from '../../../../parsers/formats/linkSplitter.ts';
import { crc32c } from '../../../../parsers/iscsi/crc32c.ts';

/** What one side sends: a preamble and frames with these bodies. */
function stream(bodies: readonly Uint8Array[], type: LinkType = LinkType.entry): Uint8Array {
  const frames = bodies.map((body, n) =>
    sealFrame({ type, head: new Uint8Array(FRAME_HEADER_BYTES), parts: [body], bytes: body.length }, n),
  );
  return Buffer.concat([preamble(), ...frames.flat()]);
}

function split(
  chunks: readonly Uint8Array[],
  bodyMax = FRAME_BODY_MAX,
): { frames: ReceivedFrame[]; fault: string | undefined } {
  const frames: ReceivedFrame[] = [];
  const splitter = new LinkSplitter(
    (bytes) => new Uint8Array(bytes + 7),
    (frame) => frames.push(frame),
  );
  splitter.bodyMax = bodyMax;
  let fault: string | undefined;
  for (const chunk of chunks) fault ??= splitter.push(chunk)?.reason;
  return { frames, fault };
}

describe('D1 frames of the journey link', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 });

  it('come out whole and in order, wherever the stream is cut', () => {
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(400), { maxLength: 12 }), (list, cuts) => {
        const bytes = stream(list);
        const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
        const { frames, fault } = split(at.slice(1).map((end, n) => bytes.subarray(at[n], end)));
        assert.equal(fault, undefined);
        assert.deepEqual(
          frames.map(({ body }) => [...body]),
          list.map((body) => [...body]),
        );
      }),
    );
  });

  it('are believed up to the first bit that is not as it was sent, and no further', () => {
    fc.assert(
      fc.property(
        bodies.filter((list) => list.length > 0),
        fc.nat(),
        fc.nat(7),
        (list, place, bit) => {
          const bytes = Uint8Array.from(stream(list));
          bytes[place % bytes.length] ^= 1 << bit;
          const { frames, fault } = split([bytes, stream([])]);
          // The body of a length that has grown may still be waited for: then the next bytes make it fail.
          assert.ok(fault !== undefined || frames.length < list.length);
          for (const [n, { body }] of frames.entries()) assert.deepEqual([...body], [...list[n]]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('are refused when one comes again, is left out or comes in another place', () => {
    const frames = [0, 1, 2].map((n) => Buffer.concat(sealFrame(ackFrame(n), n)));
    const at = (...order: number[]): string | undefined =>
      split([Buffer.concat([preamble(), ...order.map((n) => frames[n])])]).fault;
    assert.equal(at(0, 1, 2), undefined);
    assert.match(at(0, 1, 1) ?? '', /came before: number 1, and 2 is due/);
    assert.match(at(0, 2) ?? '', /too early: number 2, and 1 is due/);
    assert.match(at(1, 0) ?? '', /too early/);
  });

  it('are refused where they are longer than allowed, before room is taken', () => {
    const { fault } = split([stream([new Uint8Array(GREETING_BODY_MAX + 1)])], GREETING_BODY_MAX);
    assert.match(fault ?? '', /of 4097 bytes, and 4096 are allowed/);
    let taken = 0;
    const splitter = new LinkSplitter(
      (bytes) => {
        taken += bytes;
        return new Uint8Array(bytes);
      },
      () => undefined,
    );
    splitter.bodyMax = FRAME_BODY_MAX;
    splitter.push(preamble());
    const [head] = sealFrame(
      { type: LinkType.entry, head: new Uint8Array(FRAME_HEADER_BYTES), parts: [], bytes: FRAME_BODY_MAX + 1 },
      0,
    );
    assert.ok(splitter.push(head));
    assert.equal(taken, 0);
  });

  it('are refused with an unknown type', () => {
    const [head] = sealFrame(
      { ...shortFrame(LinkType.ack, new Uint8Array(FRAME_HEADER_BYTES)), type: 99 as LinkType },
      0,
    );
    assert.match(split([preamble(), head]).fault ?? '', /unknown type 99/);
  });

  it('begin with a preamble of a version that both speak', () => {
    assert.equal(readPreamble(preamble()), LINK_VERSION);
    assert.match(split([Buffer.from('GET / HTTP/1.1\r\n')]).fault ?? '', /no journey link/);
    const versions = (best: number, least: number): Uint8Array => {
      const bytes = preamble();
      bytes.set([best >> 8, best, least >> 8, least], 8);
      new DataView(bytes.buffer).setUint32(12, crc32c(bytes, 0, 12), true);
      return bytes;
    };
    assert.equal(readPreamble(versions(7, 1)), LINK_VERSION);
    assert.match(JSON.stringify(readPreamble(versions(7, 3))), /speaks versions 3 to 7/);
    assert.match(JSON.stringify(readPreamble(versions(0, 0))), /speaks versions 0 to 0/);
    const torn = preamble();
    torn[9] ^= 1;
    assert.match(JSON.stringify(readPreamble(torn)), /checksum/);
  });

  it('are not looked at after the end', () => {
    const frames: ReceivedFrame[] = [];
    const splitter: LinkSplitter = new LinkSplitter(
      (bytes) => new Uint8Array(bytes),
      (frame) => {
        frames.push(frame);
        splitter.stop();
      },
    );
    splitter.push(stream([Uint8Array.of(1), Uint8Array.of(2)]));
    assert.equal(frames.length, 1);
  });
});
