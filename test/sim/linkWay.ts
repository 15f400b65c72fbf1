import assert from 'node:assert/strict';
import { FRAME_BODY_MAX, type LinkFrame, LinkType, preamble, sealFrame } from '../../parsers/formats/linkFrame.ts';
import { LinkSplitter, type ReceivedFrame } from '../../parsers/formats/linkSplitter.ts';

/** As a unit takes frames: an entry's bytes stay until it is applied, any other frame's memory is used again at once. */
export function lending(take: (frame: ReceivedFrame) => void): (frame: ReceivedFrame) => void {
  return (frame) => {
    take(frame);
    if (frame.type !== LinkType.entry) frame.body.fill(0xa5);
  };
}

/** One direction of a connection: what was sent and has not come. */
export class Way {
  readonly #splitter: LinkSplitter;
  #bytes: Uint8Array = preamble();
  #sequence = 0;
  /** Frames that have not left whole: where each ends, and its body's length. */
  readonly #leaving: { end: number; bytes: number }[] = [];
  #passed = 0;
  #sent = this.#bytes.length;

  constructor(taken: (frame: ReceivedFrame) => void) {
    this.#splitter = new LinkSplitter((bytes) => Buffer.alloc(bytes), taken);
    this.#splitter.bodyMax = FRAME_BODY_MAX;
  }

  get waiting(): number {
    return this.#bytes.length;
  }

  send(frame: LinkFrame): void {
    const bytes = Buffer.concat(sealFrame(frame, this.#sequence++));
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#sent += bytes.length;
    this.#leaving.push({ end: this.#sent, bytes: frame.bytes });
  }

  /** Bytes arrive; those of bodies that have left whole. */
  deliver(count: number): number {
    const part = Uint8Array.from(this.#bytes.subarray(0, count));
    this.#bytes = this.#bytes.subarray(part.length);
    this.#passed += part.length;
    const fault = this.#splitter.push(part);
    assert.equal(fault, undefined, 'what was sent is understood');
    let left = 0;
    while (this.#leaving.length > 0 && this.#leaving[0].end <= this.#passed) left += this.#leaving.shift()?.bytes ?? 0;
    return left;
  }
}
