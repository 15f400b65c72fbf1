import { isParseFault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import type { FrameBatch } from '../../src/base/frames.ts';
import { MAX_CAPTURED, type Splitter } from './splitter.ts';
import { u16, u32 } from './word.ts';

/** Bytes of the file header. */
export const PCAP_HEADER = 24;

/** What the file header says (draft-ietf-opsawg-pcap section 4). */
export interface PcapHeader {
  little: boolean;
  /** Nanoseconds in one unit of a record's time fraction: 1000 or 1. */
  unitNanos: number;
  /** 16, or 24 with the fields that Kuznetzov's patches added. */
  recordHeader: number;
  /** LINKTYPE_ value. */
  link: number;
  /** Bytes of frame check sequence at the end of each frame. */
  fcs: number;
  /** Files older than version 2.3 have the two lengths of a record the other way round, 2.3 has both kinds. */
  swapped: 'no' | 'maybe' | 'yes';
}

/** Whether the four bytes at `from` are the magic of a pcap file in either byte order. */
export function isPcapMagic(bytes: Uint8Array, from: number): boolean {
  return magicOf(u32(bytes, from, true)) || magicOf(u32(bytes, from, false));
}

function magicOf(word: number): boolean {
  return word === 0xa1b2c3d4 || word === 0xa1b23c4d || word === 0xa1b2cd34;
}

/** Reads the file header; `bytes` holds PCAP_HEADER bytes from `from` on. */
export function readPcapHeader(bytes: Uint8Array, from: number): PcapHeader | ParseFault {
  const little = magicOf(u32(bytes, from, true));
  const magic = u32(bytes, from, little);
  if (!magicOf(magic)) return parseFault(from, 'not a pcap file');
  const major = u16(bytes, from + 4, little);
  const minor = u16(bytes, from + 6, little);
  if (major !== 2 && major !== 543) {
    return parseFault(from + 4, `pcap version ${major}.${minor} is not known`);
  }
  const word = u32(bytes, from + 20, little);
  return {
    little,
    unitNanos: magic === 0xa1b23c4d ? 1 : 1000,
    recordHeader: magic === 0xa1b2cd34 ? 24 : 16,
    link: word & 0xffff,
    // Top bits: a length in 16-bit words, valid when bit 26 is set.
    fcs: (word & 0x04000000) !== 0 ? (word >>> 28) * 2 : 0,
    swapped: major === 543 || minor < 3 ? 'yes' : minor === 3 ? 'maybe' : 'no',
  };
}

/** Splits the records that follow the header of a pcap file. */
export class PcapSplitter implements Splitter {
  need: number;
  readonly skipping = 0;
  fault: ParseFault | undefined;
  readonly #header: PcapHeader;
  readonly #plain: boolean;

  constructor(header: PcapHeader) {
    this.#header = header;
    this.#plain = header.little && header.fcs === 0 && header.swapped === 'no';
    this.need = header.recordHeader;
  }

  split(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number {
    if (this.fault) return from;
    return this.#plain ? this.#splitPlain(bytes, from, to, batch) : this.#splitAny(bytes, from, to, batch);
  }

  /** The common file by far (little-endian, no check sequence): everything hoisted, one bound checked per record. */
  #splitPlain(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number {
    const { offset, captured, wire, seconds, nanos, link } = batch;
    const { recordHeader, unitNanos, link: linkType } = this.#header;
    const units = unitNanos === 1 ? 1_000_000_000 : 1_000_000;
    const capacity = offset.length;
    const last = to - recordHeader;
    let n = batch.count;
    let at = from;
    this.need = recordHeader;
    while (at <= last && n < capacity) {
      const length = bytes[at + 8] | (bytes[at + 9] << 8) | (bytes[at + 10] << 16) | (bytes[at + 11] << 24);
      if (length < 0 || length > MAX_CAPTURED) {
        this.#refuse(at, length >>> 0);
        break;
      }
      const body = at + recordHeader;
      if (body + length > to) {
        this.need = recordHeader + length;
        break;
      }
      const wireLength =
        (bytes[at + 12] | (bytes[at + 13] << 8) | (bytes[at + 14] << 16) | (bytes[at + 15] << 24)) >>> 0;
      const whole = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
      const part = (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24)) >>> 0;
      offset[n] = body;
      captured[n] = length;
      wire[n] = Math.max(wireLength, length);
      if (part < units) {
        seconds[n] = whole;
        nanos[n] = part * unitNanos;
      } else {
        seconds[n] = whole + Math.floor(part / units);
        nanos[n] = (part % units) * unitNanos;
      }
      link[n] = linkType;
      n++;
      at = body + length;
    }
    batch.count = n;
    return at;
  }

  #splitAny(bytes: Uint8Array, from: number, to: number, batch: FrameBatch): number {
    const { little, recordHeader, unitNanos, link, fcs, swapped } = this.#header;
    const units = 1_000_000_000 / unitNanos;
    const capacity = batch.offset.length;
    let n = batch.count;
    let at = from;
    this.need = recordHeader;
    while (at + recordHeader <= to && n < capacity) {
      let length = u32(bytes, at + 8, little);
      let wire = u32(bytes, at + 12, little);
      if (swapped === 'yes' || (swapped === 'maybe' && length > wire)) {
        const other = length;
        length = wire;
        wire = other;
      }
      if (length > MAX_CAPTURED) {
        this.#refuse(at, length);
        break;
      }
      const body = at + recordHeader;
      if (body + length > to) {
        this.need = recordHeader + length;
        break;
      }
      if (wire < length) wire = length;
      const onWire = wire > fcs ? wire - fcs : 0;
      const part = u32(bytes, at + 4, little);
      batch.offset[n] = body;
      batch.captured[n] = Math.min(length, onWire);
      batch.wire[n] = onWire;
      batch.seconds[n] = u32(bytes, at, little) + Math.floor(part / units);
      batch.nanos[n] = (part % units) * unitNanos;
      batch.link[n] = link;
      n++;
      at = body + length;
    }
    batch.count = n;
    return at;
  }

  #refuse(at: number, length: number): void {
    this.fault = parseFault(at, `a record claims ${length} captured bytes, more than any frame has`);
  }
}

/** A splitter for the records after the header at `from`, or why the header cannot be used. */
export function pcapSplitter(bytes: Uint8Array, from: number): PcapSplitter | ParseFault {
  const header = readPcapHeader(bytes, from);
  return isParseFault(header) ? header : new PcapSplitter(header);
}
