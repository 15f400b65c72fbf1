import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { CaptureSplitter } from '../../../parsers/capture/capture.ts';
import { type FrameBatch, frameBatch } from '../../../src/base/frames.ts';

/** One captured frame. `buffer` is shared by many frames and never written to: a change makes a copy. */
export interface Frame {
  readonly buffer: Uint8Array;
  readonly offset: number;
  readonly captured: number;
  readonly wire: number;
  readonly seconds: number;
  readonly nanos: number;
  readonly link: number;
}

/** The frames of a whole capture file (pcap, pcapng, gzip of either), up to where it can be read. */
export function readFrames(path: string): Frame[] {
  const packed = readFileSync(path);
  return framesOf(packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed) : packed);
}

/** The frames of a capture file's bytes. */
export function framesOf(file: Uint8Array): Frame[] {
  const splitter = new CaptureSplitter();
  const out: Frame[] = [];
  const batch = frameBatch(file, 4096);
  for (let at = 0; ; ) {
    batch.count = 0;
    const next = splitter.split(file, at, file.length, batch);
    for (let i = 0; i < batch.count; i++) {
      out.push({
        buffer: file,
        offset: batch.offset[i],
        captured: batch.captured[i],
        wire: batch.wire[i],
        seconds: batch.seconds[i],
        nanos: batch.nanos[i],
        link: batch.link[i],
      });
    }
    if (next === at && batch.count === 0) return out;
    at = next;
  }
}

/** Calls back with batches of the frames as they lie in their buffers, without copying. */
export function inBatches(frames: readonly Frame[], take: (batch: FrameBatch) => void): void {
  for (let from = 0; from < frames.length; ) {
    let to = from;
    while (to < frames.length && frames[to].buffer === frames[from].buffer) to++;
    const batch = frameBatch(frames[from].buffer, to - from);
    for (const frame of frames.slice(from, to)) append(batch, frame, frame.offset);
    take(batch);
    from = to;
  }
}

/**
 * Like `inBatches`, but as a reader with one small buffer does it: `perBatch` frames are copied into the same bytes every
 * time, and `beforeReuse` is called before they are overwritten.
 */
export function inReusedBatches(
  frames: readonly Frame[],
  perBatch: number,
  take: (batch: FrameBatch) => void,
  beforeReuse: (bytes: Uint8Array) => void,
): void {
  const size = frames.reduce((most, f) => Math.max(most, f.captured), 0) * perBatch;
  const buffer = new Uint8Array(size);
  for (let from = 0; from < frames.length; from += perBatch) {
    if (from > 0) beforeReuse(buffer);
    buffer.fill(0xee);
    const batch = frameBatch(buffer, perBatch);
    let at = 0;
    for (const frame of frames.slice(from, from + perBatch)) {
      buffer.set(bytesOf(frame), at);
      append(batch, frame, at);
      at += frame.captured;
    }
    take(batch);
  }
}

export function bytesOf(frame: Frame): Uint8Array {
  return frame.buffer.subarray(frame.offset, frame.offset + frame.captured);
}

function append(batch: FrameBatch, frame: Frame, offset: number): void {
  const i = batch.count++;
  batch.offset[i] = offset;
  batch.captured[i] = frame.captured;
  batch.wire[i] = frame.wire;
  batch.seconds[i] = frame.seconds;
  batch.nanos[i] = frame.nanos;
  batch.link[i] = frame.link;
}
