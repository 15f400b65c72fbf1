import assert from 'node:assert/strict';
import fc from 'fast-check';
import { SlotPool } from '../../../hw/tapPool.ts';
import { FRAME_ALIGN, slotBatch, slotBytesFor, slotFrames } from '../../../hw/tapSlot.ts';
import { FrameWriter } from '../../../hw/tapWriter.ts';
import { copyOf } from '../../../src/base/bytes.ts';

const SNAPLEN = 2048;
const SLOT = slotBytesFor(2 ** 20, SNAPLEN);
const LINK = new Uint16Array(slotFrames(SLOT)).fill(1);

interface Frame {
  bytes: Uint8Array;
  wire: number;
  seconds: number;
  micros: number;
}

function writer(capacity: number) {
  const counts = { frames: 0, bytes: 0, cut: 0, kernel: 0, interface: 0, own: 0, blind: 0 };
  const pool = new SlotPool(SLOT, capacity, 0);
  const sent: { buffer: ArrayBuffer; count: number }[] = [];
  const made = new FrameWriter(
    SNAPLEN,
    counts,
    () => pool.take(),
    (buffer, count) => {
      pool.send();
      sent.push({ buffer, count });
    },
  );
  const header = new DataView(made.header.buffer, made.header.byteOffset);
  const host = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
  /** As libpcap's binding does it: the packet and its header always at the same place. */
  const arrive = ({ bytes, wire, seconds, micros }: Frame, limit = made.packet.length) => {
    made.packet.set(bytes.subarray(0, limit));
    [seconds, micros, bytes.length, wire].forEach((word, i) => {
      header.setUint32(i * 4, word, host);
    });
    made.put(limit);
  };
  return { writer: made, counts, pool, sent, arrive };
}

function read(sent: readonly { buffer: ArrayBuffer; count: number }[]): Frame[] {
  return sent.flatMap(({ buffer, count }) => {
    const { bytes, offset, captured, wire, seconds, nanos } = slotBatch(buffer, count, LINK);
    return Array.from({ length: count }, (_, i) => ({
      bytes: copyOf(bytes, offset[i], offset[i] + captured[i]),
      wire: wire[i],
      seconds: seconds[i],
      micros: nanos[i] / 1000,
    }));
  });
}

const frame = fc
  .record({
    length: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: SNAPLEN })),
    seconds: fc.nat(2 ** 32 - 1),
    micros: fc.nat(999_999),
    first: fc.nat(255),
  })
  .map(({ length, seconds, micros, first }) => ({
    bytes: Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255),
    wire: length + (first % 3) * 1000,
    seconds,
    micros,
  }));

describe('A2 the door: frames copied into slots', () => {
  it('hands on every frame byte for byte, with its lengths and its time', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 80 }), (frames) => {
        const { writer: made, sent, arrive, counts } = writer(1000);
        for (const one of frames) arrive(one);
        made.flush();
        assert.deepEqual(read(sent), frames);
        assert.equal(counts.frames, frames.length);
        assert.equal(
          counts.bytes,
          frames.reduce((sum, { wire }) => sum + wire, 0),
        );
        assert.deepEqual([counts.cut, counts.own], [0, 0]);
      }),
    );
  });

  it('lets frames neither overlap nor reach over the end of a slot', () => {
    const { writer: made, sent, arrive } = writer(1000);
    const bytes = new Uint8Array(SNAPLEN);
    for (let i = 0; i < 200; i++)
      arrive({ bytes: bytes.subarray(0, 1 + ((i * 331) % SNAPLEN)), wire: 1, seconds: 1, micros: i });
    made.flush();
    for (const { buffer, count } of sent) {
      const batch = slotBatch(buffer, count, LINK);
      for (let i = 0; i < count; i++) {
        const end = batch.offset[i] + batch.captured[i];
        assert.equal(batch.offset[i] % FRAME_ALIGN, 0);
        assert.ok(end <= (i + 1 < count ? batch.offset[i + 1] : batch.bytes.length));
      }
    }
  });

  it('cuts long frames where told, and counts them', () => {
    const { writer: made, sent, arrive, counts } = writer(10);
    const bytes = Uint8Array.from({ length: 1500 }, (_, i) => i & 255);
    for (const length of [511, 512, 513, 1500]) {
      arrive({ bytes: bytes.subarray(0, length), wire: length, seconds: 1, micros: 0 }, 512);
    }
    made.flush();
    assert.deepEqual(
      read(sent).map((one) => [one.bytes.length, one.wire]),
      [
        [511, 511],
        [512, 512],
        [512, 513],
        [512, 1500],
      ],
    );
    assert.equal(counts.cut, 2);
  });

  it('counts every frame for which there is no slot, and goes on when one is back', () => {
    const { writer: made, sent, arrive, counts, pool } = writer(4);
    const one = { bytes: new Uint8Array(2000), wire: 2000, seconds: 1, micros: 0 };
    for (let i = 0; i < 100; i++) arrive(one);
    assert.equal(counts.frames + counts.own, 100);
    assert.equal(read(sent).length, counts.frames);
    assert.ok(counts.own > 0);
    assert.equal(pool.level, 'dropping');
    const { own } = counts;
    pool.give(sent.shift()?.buffer as ArrayBuffer);
    arrive(one);
    assert.equal(counts.own, own);
    made.flush();
    assert.equal(read(sent.slice(-1)).length, 1);
  });

  it('has slots for the longest frame, and tables for the shortest', () => {
    for (const ring of [2 ** 20, 2 ** 24, 2 ** 26, 2 ** 30]) {
      for (const snaplen of [256, 2048, 65535, 262144]) {
        const slot = slotBytesFor(ring, snaplen);
        const { bytes, offset } = slotBatch(new ArrayBuffer(slot), 0, LINK);
        assert.ok(bytes.length >= snaplen + FRAME_ALIGN, `${slot} for ${snaplen}`);
        assert.equal(bytes.byteOffset % FRAME_ALIGN, 0);
        assert.equal(bytes.length % FRAME_ALIGN, 0);
        assert.ok(offset.length >= 16);
      }
    }
  });
});
