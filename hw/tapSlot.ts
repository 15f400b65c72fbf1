import type { FrameBatch } from '../src/base/frames.ts';

/**
 * The buffer in which frames pass between threads: tables with an entry per frame, then the frames' bytes. It is transferred
 * and not shared: on shared memory V8 copies byte by byte wherever source and target are not equally aligned, which takes
 * seven times as long, and payload never is.
 */

/** seconds (8), offset, captured, wire, nanos (4 each). */
const ENTRY_BYTES = 24;
/** Frames start at multiples of this, so that a copy to them is aligned and may be rounded up. */
export const FRAME_ALIGN = 64;
/** A table entry for this many bytes: frames without data are smaller, and leave some of a slot unused. */
const BYTES_PER_ENTRY = 256;

export function slotFrames(slotBytes: number): number {
  return Math.floor(slotBytes / BYTES_PER_ENTRY);
}

/** Where the frames' bytes begin. */
export function slotTableBytes(slotBytes: number): number {
  return slotFrames(slotBytes) * ENTRY_BYTES;
}

/** Bytes of a slot that can take a frame of `snaplen` bytes, about a 64th of the ring. */
export function slotBytesFor(ringBytes: number, snaplen: number): number {
  const least = align(
    Math.ceil(((snaplen + FRAME_ALIGN) * BYTES_PER_ENTRY) / (BYTES_PER_ENTRY - ENTRY_BYTES)) + 4096,
    4096,
  );
  return Math.max(least, align(Math.min(2 ** 20, Math.floor(ringBytes / 64)), 4096));
}

function align(bytes: number, to: number): number {
  return Math.ceil(bytes / to) * to;
}

/** A slot as the batch that a consumer sees. `link` is shared by all batches of an interface. */
export function slotBatch(buffer: ArrayBuffer, count: number, link: Uint16Array): FrameBatch {
  const frames = slotFrames(buffer.byteLength);
  const table = (index: number) => new Uint32Array(buffer, frames * (8 + 4 * index), frames);
  return {
    bytes: new Uint8Array(buffer, frames * ENTRY_BYTES),
    count,
    offset: table(0),
    captured: table(1),
    wire: table(2),
    seconds: new Float64Array(buffer, 0, frames),
    nanos: table(3),
    link,
  };
}
