import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CaptureOptions, openCaptures } from '../../../hw/captureFile.ts';
import { FrameDecoder } from '../../../parsers/net/decoder.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import type { FrameSource, SourceFault } from '../../../src/base/frames.ts';

export interface TakenFrame {
  seconds: number;
  nanos: number;
  link: number;
  wire: number;
  data: Uint8Array;
}

/** Every frame of a source, copied. */
export async function takeAll(source: FrameSource): Promise<TakenFrame[]> {
  const frames: TakenFrame[] = [];
  for (let run = await source.next(); run !== undefined; run = await source.next()) {
    const { batch } = run;
    for (let i = run.from; i < run.to; i++) {
      const at = batch.offset[i];
      const data = copyOf(batch.bytes, at, at + batch.captured[i]);
      frames.push({ seconds: batch.seconds[i], nanos: batch.nanos[i], link: batch.link[i], wire: batch.wire[i], data });
    }
  }
  await source.close();
  return frames;
}

export async function readFrames(
  paths: readonly string[],
  options: CaptureOptions = {},
): Promise<{ frames: TakenFrame[]; faults: readonly SourceFault[] }> {
  const source = await openCaptures(paths, options);
  const frames = await takeAll(source);
  return { frames, faults: source.faults };
}

/** TCP segments in words that can be compared: ports, sequence numbers, flags, length, and a digest of the payload. */
export async function readSegments(path: string, options: CaptureOptions = {}): Promise<string[]> {
  const source = await openCaptures([path], options);
  const decoder = new FrameDecoder();
  const segments: string[] = [];
  for (let run = await source.next(); run !== undefined; run = await source.next()) {
    const { bytes, offset, captured, wire, link } = run.batch;
    for (let i = run.from; i < run.to; i++) {
      if (!decoder.decode(bytes, offset[i], captured[i], wire[i], link[i])) continue;
      const d = decoder;
      const payload = d.bytes.subarray(d.payloadOffset, d.payloadOffset + d.payloadCaptured);
      const digest = createHash('sha256').update(payload).digest('hex').slice(0, 16);
      segments.push(`${d.srcPort} ${d.dstPort} ${d.seq} ${d.ack} ${d.flags} ${d.payloadLength} ${digest}`);
    }
  }
  await source.close();
  return segments;
}

/** A folder that is removed once the test suite is over. */
export function temporaryFolder(): (name: string) => string {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapmirror-capture-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
