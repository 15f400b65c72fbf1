import assert from 'node:assert/strict';
import fc from 'fast-check';
import { aboutFrame, type LinkAbout, readAbout } from '../../../../parsers/formats/linkAbout.ts';
import { FRAME_HEADER_BYTES, LinkType } from '../../../../parsers/formats/linkFrame.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const FIRST = {
  vendor: 'IET',
  product: 'DISK',
  revision: '0001',
  serial: '   beaf11',
  designators: [{ association: 0, type: 3, codeSet: 1, bytes: Uint8Array.of(0x60, 1, 2) }],
};

const bodyOf = (about: LinkAbout): Uint8Array => aboutFrame(about).head.subarray(FRAME_HEADER_BYTES);
const textBody = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('D1 what a unit says of itself over a link', () => {
  it('reads back as it was written', () => {
    for (const about of [
      { version: '1.2.3', clock: 1_700_000_000_000 },
      { version: '', clock: -1, first: FIRST },
    ]) {
      const frame = aboutFrame(about);
      assert.deepEqual([frame.type, frame.bytes], [LinkType.about, frame.head.length - FRAME_HEADER_BYTES]);
      assert.deepEqual(readAbout(bodyOf(about)), about);
    }
  });

  it('tells of mirrors beyond; where that cannot be read the rest is believed all the same', () => {
    const beyond = [{ to: 'file:/a.img', state: 'equal', behindBytes: 0 }];
    const about = { version: '1', clock: 5 };
    assert.deepEqual(readAbout(bodyOf({ ...about, beyond })), { ...about, beyond });
    assert.deepEqual(readAbout(textBody('{"version":"1","clock":5,"beyond":[{"to":"file:/a.img"}]}')), about);
  });

  it('leaves alone what it does not know, and refuses what is wrong', () => {
    assert.deepEqual(readAbout(textBody('{"version":"9","clock":5,"moods":["good"]}')), { version: '9', clock: 5 });
    const refused = ['', '1', 'null', '{"clock":5}', '{"version":9,"clock":5}', '{"version":"9","clock":0.5}'];
    refused.push('{"version":"\\u0007","clock":5}', '{"version":"9","clock":5,"first":{}}');
    refused.push('{"version":"9","clock":5,"first":"{}"}', `{"version":"9","clock":5,"x":"${'x'.repeat(70_000)}"}`);
    for (const text of refused) assert.ok(isParseFault(readAbout(textBody(text))), text.slice(0, 60));
    assert.ok(isParseFault(readAbout(Uint8Array.of(0xff, 0xfe))));
  });

  it('takes any bytes without throwing', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (body) => void readAbout(body)));
    fc.assert(fc.property(fc.json(), (text) => void readAbout(textBody(text))));
  });
});
