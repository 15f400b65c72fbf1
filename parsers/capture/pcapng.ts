import { isParseFault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import type { FrameBatch } from '../../src/base/frames.ts';
import { type CaptureInterface, readFlagsFcs, readInterface } from './interface.ts';
import { MAX_CAPTURED, type Splitter } from './splitter.ts';
import { u16, u32 } from './word.ts';

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const OLD_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;
const BYTE_ORDER = 0x1a2b3c4d;

/** Longest block that is taken in one piece: a frame and generous options. */
const MAX_BLOCK = MAX_CAPTURED + (1 << 20);
const MAX_INTERFACES = 1 << 16;

/** Whether the four bytes at `from` begin a pcapng file: the type of a section header reads the same in both orders. */
export function isPcapngMagic(bytes: Uint8Array, from: number): boolean {
  return u32(bytes, from, false) === SECTION;
}

/** Splits a pcapng file (draft-ietf-opsawg-pcapng), starting with its first section header. */
export class PcapngSplitter implements Splitter {
  need = 12;
  skipping = 0;
  fault: ParseFault | undefined;
  /** True once a section header was accepted. */
  opened = false;
  #little = true;
  #interfaces: CaptureInterface[] = [];
  /** Time of the last frame: a simple packet has none of its own, and must keep its place in the stream of time. */
  #seconds = 0;
  #nanos = 0;

  split(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number {
    const capacity = batch.offset.length;
    let at = from;
    while (this.fault === undefined && batch.count < capacity) {
      if (this.skipping > 0) {
        const passed = Math.min(this.skipping, to - at);
        this.skipping -= passed;
        at += passed;
      }
      this.need = 12;
      if (to - at < 12) break;
      const next = this.#block(bytes, at, to, batch);
      if (next < 0) break;
      at = next;
    }
    return at;
  }

  /** Takes the block at `at` and returns where the next one starts, or -1 when that needs more bytes or makes no sense. */
  #block(bytes: Uint8Array, at: number, to: number, batch: FrameBatch): number {
    const section = u32(bytes, at, false) === SECTION;
    if (section && !this.#byteOrder(bytes, at)) return -1;
    if (!section && !this.opened) return this.#refuse(at, 'the file does not start with a section');
    const little = this.#little;
    const type = section ? SECTION : u32(bytes, at, little);
    const total = u32(bytes, at + 4, little);
    if (total < 12 || total % 4 !== 0) return this.#refuse(at, `a block claims a length of ${total} bytes`);
    if (type !== INTERFACE && type !== OLD_PACKET && type !== SIMPLE_PACKET && type !== ENHANCED_PACKET) {
      if (section && !this.#section(bytes, at, to, total)) return -1;
      this.skipping = total - 12;
      return at + 12;
    }
    if (total > MAX_BLOCK) return this.#refuse(at, `a block claims ${total} bytes, more than any frame has`);
    if (to - at < total) {
      this.need = total;
      return -1;
    }
    const end = at + total - 4;
    if (u32(bytes, end, little) !== total) return this.#refuse(at, 'the two lengths of a block differ');
    if (type === INTERFACE) return this.#interface(bytes, at, end);
    return this.#packet(type, bytes, at, end, batch);
  }

  #byteOrder(bytes: Uint8Array, at: number): boolean {
    this.#little = u32(bytes, at + 8, true) === BYTE_ORDER;
    if (this.#little || u32(bytes, at + 8, false) === BYTE_ORDER) return true;
    this.#refuse(at, 'a section does not name its byte order');
    return false;
  }

  /** A section header: its version is checked, its interfaces start anew, its options are passed over. */
  #section(bytes: Uint8Array, at: number, to: number, total: number): boolean {
    if (total < 28) {
      this.#refuse(at, 'a section header is too short');
      return false;
    }
    if (to - at < 16) {
      this.need = 16;
      return false;
    }
    const major = u16(bytes, at + 12, this.#little);
    if (major !== 1) {
      this.#refuse(at, `pcapng version ${major} is not known`);
      return false;
    }
    this.opened = true;
    this.#interfaces = [];
    return true;
  }

  #interface(bytes: Uint8Array, at: number, end: number): number {
    const made = readInterface(bytes, at + 8, end, this.#little);
    if (isParseFault(made)) {
      this.fault = made;
      return -1;
    }
    if (this.#interfaces.length === MAX_INTERFACES) return this.#refuse(at, 'a section has too many interfaces');
    this.#interfaces.push(made);
    return end + 4;
  }

  /** Sections 4.3 (enhanced), 4.4 (simple) and appendix A (the obsolete packet block). */
  #packet(type: number, bytes: Uint8Array, at: number, end: number, batch: FrameBatch): number {
    const little = this.#little;
    const simple = type === SIMPLE_PACKET;
    const body = at + (simple ? 12 : 28);
    if (body > end) return this.#refuse(at, 'a packet block is too short');
    const id = simple ? 0 : type === ENHANCED_PACKET ? u32(bytes, at + 8, little) : u16(bytes, at + 8, little);
    const owner = this.#interfaces[id];
    if (owner === undefined) return this.#refuse(at, `a frame names interface ${id}, which was not described`);
    let wire = u32(bytes, simple ? at + 8 : at + 24, little);
    // A simple packet does not say how much was captured: the snap length does, or what the block has room for.
    const length = simple
      ? Math.min(wire, owner.snapLength === 0 ? wire : owner.snapLength, end - body)
      : u32(bytes, at + 20, little);
    if (length > end - body || length > MAX_CAPTURED) {
      return this.#refuse(at, `a frame claims ${length} captured bytes, more than its block holds`);
    }
    if (!simple && !this.#time(owner, u32(bytes, at + 12, little), u32(bytes, at + 16, little))) {
      return this.#refuse(at, 'a time stamp is out of range');
    }
    let fcs = owner.fcs;
    const options = body + ((length + 3) & ~3);
    if (!simple && options + 8 <= end) {
      const own = readFlagsFcs(bytes, options, end, little);
      if (own >= 0) fcs = own;
    }
    if (wire < length) wire = length;
    wire = wire > fcs ? wire - fcs : 0;
    const n = batch.count++;
    batch.offset[n] = body;
    batch.captured[n] = Math.min(length, wire);
    batch.wire[n] = wire;
    batch.seconds[n] = this.#seconds;
    batch.nanos[n] = this.#nanos;
    batch.link[n] = owner.link;
    return end + 4;
  }

  /** Turns a 64-bit count of units into seconds and nanoseconds, exactly; false when the seconds do not fit a number. */
  #time(owner: CaptureInterface, high: number, low: number): boolean {
    const units = owner.units;
    let seconds: number;
    if (units > 0) {
      // Long division in digits of 16 bits: every intermediate value stays below 2^53.
      const first = (high % units) * 65536 + (low >>> 16);
      const second = (first % units) * 65536 + (low & 0xffff);
      seconds = Math.floor(high / units) * 0x100000000 + Math.floor(first / units) * 65536 + Math.floor(second / units);
      this.#nanos = (second % units) * (1_000_000_000 / units);
    } else {
      // A resolution that hardly any writer uses: exact, at the price of some garbage.
      const count = (BigInt(high) << 32n) | BigInt(low);
      seconds = Number(count / owner.unitsBig);
      this.#nanos = Number(((count % owner.unitsBig) * 1_000_000_000n) / owner.unitsBig);
    }
    this.#seconds = seconds + owner.offsetSeconds;
    return Number.isSafeInteger(seconds) && Number.isSafeInteger(this.#seconds);
  }

  #refuse(at: number, reason: string): number {
    this.fault = parseFault(at, reason);
    return -1;
  }
}
