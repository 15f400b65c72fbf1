import { CaptureSplitter } from '../../../../parsers/capture/capture.ts';
import type { ParseFault } from '../../../../src/base/fault.ts';
import { frameBatch } from '../../../../src/base/frames.ts';

export interface ReadFrame {
  seconds: number;
  nanos: number;
  link: number;
  wire: number;
  data: string;
}

export interface ReadResult {
  frames: ReadFrame[];
  fault: ParseFault | undefined;
  /** Bytes used, and whether the end lies inside a record. */
  used: number;
  inside: boolean;
}

/** Everything in a capture file, handed over in chunks that end at `cuts` and in batches of `capacity` frames. */
export function readAll(file: Uint8Array, cuts: readonly number[] = [], capacity = 5): ReadResult {
  const splitter = new CaptureSplitter();
  const batch = frameBatch(file, capacity);
  const frames: ReadFrame[] = [];
  let from = 0;
  for (const to of [...cuts, file.length]) {
    for (;;) {
      batch.count = 0;
      from = splitter.split(file, from, to, batch);
      if (batch.count === 0) break;
      for (let i = 0; i < batch.count; i++) {
        const at = batch.offset[i];
        frames.push({
          seconds: batch.seconds[i],
          nanos: batch.nanos[i],
          link: batch.link[i],
          wire: batch.wire[i],
          data: Buffer.from(file.subarray(at, at + batch.captured[i])).toString('hex'),
        });
      }
    }
  }
  return { frames, fault: splitter.fault, used: from, inside: from < file.length || splitter.skipping > 0 };
}
