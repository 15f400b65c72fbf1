import type { Change, Payload } from '../../src/base/change.ts';
import { isFill, isOr } from '../../src/base/payload.ts';

/** A block's contents before the window: each differs from what a host would write. */
function before(block: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size).fill(0xa5);
  bytes[0] = block;
  bytes[1] = block >>> 8;
  bytes[2] = block >>> 16;
  return bytes;
}

interface Block {
  bytes: Uint8Array;
  /** Sequence number of the doubt that holds, 0 without. */
  doubted: boolean;
  seq: number;
}

/** A mirror as plain as it can be: blocks that were touched, in a map. `lbnOnly` and whole-LU changes are remembered. */
export class MirrorModel {
  readonly blocks = new Map<number, Block>();
  blockSize = 0;
  #wholeAt = 0;

  apply(change: Change, blockSize: number): void {
    if (change.pieces === 'wholeLu') {
      this.#wholeAt = change.seq;
      return;
    }
    this.blockSize = blockSize;
    for (const { offset, length, payload } of change.pieces) {
      for (let at = offset, end = offset + length; at < end; ) {
        const n = Math.floor(at / blockSize);
        const to = Math.min(end, (n + 1) * blockSize);
        const block = this.#block(n);
        if (payload === 'lbnOnly') {
          block.doubted = true;
          block.seq = change.seq;
        } else {
          const wholly = to - at === blockSize && !(typeof payload === 'object' && isOr(payload));
          if (wholly) block.doubted = false;
          if (wholly || block.seq > this.#wholeAt) block.seq = change.seq;
          put(block.bytes, at - n * blockSize, payload, at - offset, to - at);
        }
        at = to;
      }
    }
  }

  /** True for a block that the mirror is not known to have right. */
  unresolved(n: number): boolean {
    const block = this.blocks.get(n);
    return block === undefined ? this.#wholeAt > 0 : block.doubted || block.seq < this.#wholeAt;
  }

  get whole(): boolean {
    return this.#wholeAt > 0;
  }

  contents(n: number): Uint8Array {
    return this.blocks.get(n)?.bytes ?? before(n, this.blockSize);
  }

  #block(n: number): Block {
    let block = this.blocks.get(n);
    if (block === undefined) {
      block = { bytes: before(n, this.blockSize), doubted: false, seq: 0 };
      this.blocks.set(n, block);
    }
    return block;
  }
}

/** Puts `length` bytes of what a piece holds from `from` on into `into`. */
function put(into: Uint8Array, at: number, payload: Exclude<Payload, 'lbnOnly'>, from: number, length: number): void {
  if (payload === 'zeros') into.fill(0, at, at + length);
  else if (isFill(payload)) {
    for (let i = 0; i < length; i++) into[at + i] = payload.fill[(from + i) % payload.fill.length];
  } else {
    const or = isOr(payload);
    let skip = from;
    let done = 0;
    for (const part of or ? payload.or : payload) {
      const take = Math.min(Math.max(0, part.length - skip), length - done);
      if (or) for (let i = 0; i < take; i++) into[at + done + i] |= part[skip + i];
      else if (take > 0) into.set(part.subarray(skip, skip + take), at + done);
      done += take;
      skip = Math.max(0, skip - part.length);
    }
  }
}
