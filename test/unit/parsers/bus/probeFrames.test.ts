import assert from 'node:assert/strict';
import fc from 'fast-check';
import { cobsDecode, cobsEncode } from '../../../../parsers/bus/cobs.ts';
import { crc16 } from '../../../../parsers/bus/crc16.ts';
import { looksLikeProbe, ProbeFrames, probeCommand, probeFrame } from '../../../../parsers/bus/probeFrames.ts';
import { copyOf } from '../../../../src/base/bytes.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

function decode(frame: Uint8Array): Uint8Array | undefined {
  const into = new Uint8Array(2048);
  const length = cobsDecode(frame, 0, frame.length, into);
  return length < 0 ? undefined : copyOf(into, 0, length);
}

function split(bytes: Uint8Array, cuts: readonly number[] = []) {
  const packets: string[] = [];
  const found = { packets, bad: 0 };
  const frames = new ProbeFrames({
    packet: (type, seq, b, to) => packets.push(`${type} ${seq} ${Buffer.from(b.subarray(3, to)).toString('hex')}`),
    badFrame: () => found.bad++,
  });
  let from = 0;
  for (const cut of [...[...cuts].filter((at) => at < bytes.length).sort((a, b) => a - b), bytes.length]) {
    frames.push(bytes, from, cut);
    from = cut;
  }
  return found;
}

describe('A4 probe protocol section 1: frames', () => {
  it('encodes and decodes the example of the contract', () => {
    assert.deepEqual(cobsEncode(hex('11 22 00 33')), hex('03 11 22 02 33 00'));
    assert.deepEqual(decode(hex('03 11 22 02 33')), hex('11 22 00 33'));
  });

  it('cuts runs of 254 bytes', () => {
    for (const length of [253, 254, 255, 507, 508, 509, 1024]) {
      const packet = Uint8Array.from({ length }, (_, i) => (i % 255) + 1);
      const encoded = cobsEncode(packet);
      assert.equal(encoded.indexOf(0), encoded.length - 1);
      assert.deepEqual(decode(encoded.subarray(0, -1)), packet);
    }
    assert.equal(cobsEncode(new Uint8Array(254).fill(1))[0], 0xff);
    assert.equal(cobsEncode(new Uint8Array(254).fill(1)).length, 256);
  });

  it('gives back any packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2048, size: 'max' }), fc.boolean(), (packet, sparse) => {
        if (sparse) for (let i = 0; i < packet.length; i++) packet[i] |= 1;
        assert.deepEqual(decode(cobsEncode(packet).subarray(0, -1)), packet);
      }),
    );
  });

  it('refuses a frame that is broken, and one that is too long', () => {
    assert.equal(decode(hex('05 11 22')), undefined);
    assert.equal(decode(hex('03 11 00')), undefined);
    assert.equal(decode(hex('00')), undefined);
    assert.equal(decode(cobsEncode(new Uint8Array(2049).fill(7)).subarray(0, -1)), undefined);
    assert.equal(decode(cobsEncode(new Uint8Array(2049)).subarray(0, -1)), undefined);
    assert.equal(decode(cobsEncode(new Uint8Array(2048)).subarray(0, -1))?.length, 2048);
  });

  it('has the CRC of the contract', () => {
    const digits = Buffer.from('123456789');
    assert.equal(crc16(digits, 0, digits.length), 0x29b1);
  });

  it('finds packets whatever the pieces, the zeros between them and the noise', () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => bytes.map((byte) => byte | 1));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(127), fc.nat(65535), fc.uint8Array({ maxLength: 300 }), noise, fc.boolean()), {
          maxLength: 6,
        }),
        fc.array(fc.nat(2500), { maxLength: 9 }),
        (packets, cuts) => {
          const parts = packets.flatMap(([type, seq, payload, bad, noisy]) =>
            noisy ? [Uint8Array.of(0), bad, probeFrame(type, seq, payload)] : [probeFrame(type, seq, payload)],
          );
          const wanted = packets.map(
            ([type, seq, payload]) => `${type} ${seq} ${Buffer.from(payload).toString('hex')}`,
          );
          const found = split(Buffer.concat(parts), cuts);
          assert.deepEqual(found.packets, wanted);
          assert.equal(found.bad, packets.filter(([, , , , noisy]) => noisy).length);
        },
      ),
    );
  });

  it('does not count what stands before the first zero, but uses a whole packet there', () => {
    const frame = probeCommand(0x86, 5);
    assert.deepEqual(split(Buffer.concat([hex('aa bb cc'), frame])), { packets: ['134 5 '], bad: 0 });
    assert.deepEqual(split(frame.subarray(1)), { packets: ['134 5 '], bad: 0 });
    assert.deepEqual(split(Buffer.concat([frame, hex('aa bb cc 00')])), { packets: ['134 5 '], bad: 1 });
  });

  it('drops a frame that does not end, in bounded memory, and goes on after it', () => {
    const endless = new Uint8Array(1e6).fill(0x55);
    const found = split(Buffer.concat([Uint8Array.of(0), endless, probeCommand(0x86, 9)]), [100, 3000, 500000]);
    assert.deepEqual(found, { packets: ['134 9 '], bad: 1 });
  });

  it('refuses a packet with any bit wrong', () => {
    const frame = probeFrame(
      0x20,
      77,
      Uint8Array.from({ length: 23 }, (_, i) => i),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: frame.length - 2 }), fc.nat(7), (at, bit) => {
        const hit = Uint8Array.from(frame);
        hit[at] ^= 1 << bit;
        assert.deepEqual(split(hit).packets, []);
      }),
    );
  });

  it('writes commands: type, seq and argument', () => {
    assert.deepEqual(split(probeCommand(0x82, 0x1234, 1)).packets, ['130 4660 01']);
    assert.deepEqual(split(probeCommand(0x81, 0)).packets, ['129 0 ']);
  });

  it('knows the stream of a probe by one good packet', () => {
    assert.equal(looksLikeProbe(Buffer.concat([hex('123456'), probeCommand(0x20, 1)])), true);
    assert.equal(looksLikeProbe(Buffer.from('no probe at all\0\0\0, only text')), false);
  });
});
