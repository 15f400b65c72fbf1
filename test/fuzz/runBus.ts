import assert from 'node:assert/strict';
import { type FrameBatch, frameBatch } from '../../src/base/frames.ts';
import { Room } from '../../src/buffer/room.ts';
import type { LuClaim } from '../../src/snoop/lu/directory.ts';
import { Snoop } from '../../src/snoop/snoop.ts';
import { CheckedSink } from './checkedSink.ts';

/** How the frames reach the snoop. */
export interface Delivery {
  /** Write data is kept, in a room of ample or of scarce memory; without, as `decode` and `stat` run. */
  room: 'ample' | 'scarce' | 'none';
  /** Frames at a time; 0: all at once. */
  run: number;
  /** Every run lies in a buffer of its own that is overwritten as soon as that was announced. */
  scrub: boolean;
  /** Apply changes to a model of the mirror. */
  applies: boolean;
  claims: readonly LuClaim[];
}

const AMPLE = 4 << 20;
const SCARCE = 64 << 10;
const rooms = {
  ample: new Room({ bytes: AMPLE }),
  scarce: new Room({ bytes: SCARCE, whenFull: 'lbn', threshold: 0.25 }),
};
const buffers: [Uint8Array, Uint8Array] = [new Uint8Array(0), new Uint8Array(0)];
const scrubbed = frameBatch(new Uint8Array(0), 1024);

/** Runs a snoop over `batch` and asserts the bounds that hold for any input; returns what its sink has seen. */
export function runBus(batch: FrameBatch, delivery: Delivery): CheckedSink {
  const room = delivery.room === 'none' ? undefined : rooms[delivery.room];
  const free = room?.freeBytes ?? 0;
  const sink = new CheckedSink(room, delivery.applies, delivery.claims);
  const snoop = new Snoop({ sink, volumes: delivery.claims, ...(room === undefined ? {} : { room }) });
  let bytes = 0;
  for (let i = 0; i < batch.count; i++) bytes += batch.captured[i];
  try {
    const step = delivery.run > 0 ? delivery.run : batch.count;
    for (let from = 0, turn = 0; from < batch.count; from += step, turn ^= 1) {
      const to = Math.min(from + step, batch.count);
      if (delivery.scrub) {
        apart(batch, from, to, turn);
        // What came from the buffer that is reused next has to be copied by now.
        assert.equal(snoop.consume(scrubbed, 0, to - from), to - from);
        snoop.beforeReuse(buffers[turn ^ 1]);
        buffers[turn ^ 1].fill(0xee);
      } else {
        assert.equal(snoop.consume(batch, from, to), to, 'frames were refused although the room was not full');
      }
      if (room !== undefined) assert.ok(room.freeBytes >= 0, 'the room is overdrawn');
    }
    snoop.finish();
  } catch (error) {
    // A failed case must not make the following ones fail.
    if (room !== undefined && delivery.room !== 'none') {
      rooms[delivery.room] = new Room(
        delivery.room === 'ample' ? { bytes: AMPLE } : { bytes: SCARCE, whenFull: 'lbn', threshold: 0.25 },
      );
    }
    throw error;
  }
  const bound = 200 + batch.count * 8 + bytes / 4;
  assert.ok(sink.calls <= bound, `${sink.calls} findings out of ${batch.count} frames and ${bytes} bytes`);
  assert.equal(snoop.frames, batch.count);
  if (room !== undefined) {
    const kept = free - room.freeBytes;
    if (kept !== 0) {
      rooms[delivery.room as 'ample' | 'scarce'] = new Room(
        delivery.room === 'ample' ? { bytes: AMPLE } : { bytes: SCARCE, whenFull: 'lbn', threshold: 0.25 },
      );
    }
    assert.equal(kept, 0, `${kept} bytes of leases were never given back`);
  }
  return sink;
}

/** Copies frames [from, to) into the buffer whose turn it is. */
function apart(batch: FrameBatch, from: number, to: number, turn: number): void {
  let size = 0;
  for (let i = from; i < to; i++) size += batch.captured[i];
  if (buffers[turn].length < size) buffers[turn] = new Uint8Array(size * 2);
  const into = buffers[turn];
  scrubbed.bytes = into;
  scrubbed.count = to - from;
  let at = 0;
  for (let i = from; i < to; i++) {
    const k = i - from;
    into.set(batch.bytes.subarray(batch.offset[i], batch.offset[i] + batch.captured[i]), at);
    scrubbed.offset[k] = at;
    scrubbed.captured[k] = batch.captured[i];
    scrubbed.wire[k] = batch.wire[i];
    scrubbed.seconds[k] = batch.seconds[i];
    scrubbed.nanos[k] = batch.nanos[i];
    scrubbed.link[k] = batch.link[i];
    at += batch.captured[i];
  }
}
