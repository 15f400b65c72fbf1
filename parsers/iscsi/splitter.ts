import { u24 } from '../bytes.ts';
import { CRC_START, crcUpdate, crcValue, digestAt } from './crc32c.ts';
import { BHS_BYTES, Op } from './opcodes.ts';

/** What a digest said of a data segment. */
export type DigestVerdict = 'none' | 'good' | 'bad' | 'unknown';

/** What a splitter tells its owner; every call is synchronous and its bytes are borrowed for its time only. */
export interface PduSink {
  /** A header (BHS, AHS) is complete: `pdu.bhs[pdu.bhsAt...]`. Set `pdu.want` to be given the data segment. */
  header(pdu: PduSplitter): void;
  /** A run of the data segment; `at` is its offset there. */
  data(pdu: PduSplitter, bytes: Uint8Array, offset: number, length: number, at: number): void;
  dataHole(pdu: PduSplitter, length: number, at: number): void;
  /** The data digest proved the other copy of disputed bytes: it takes the place of what `data` brought at `at`. */
  instead(pdu: PduSplitter, bytes: Uint8Array, at: number): void;
  /** The PDU's last byte (padding and digest included) has passed. */
  end(pdu: PduSplitter, verdict: DigestVerdict): void;
}

const KNOWN = new Uint8Array(256);
for (const op of Object.values(Op)) {
  KNOWN[op] = 1;
  if ((op & 0x20) === 0) KNOWN[op | 0x40] = 1; // the I bit: immediate delivery
}

/** A header may claim 255 words of AHS and, at most, a header digest. */
const HEADER_MAX = BHS_BYTES + 255 * 4 + 4;

/** Disputed runs remembered in one PDU; more are holes. */
const DISPUTES_MAX = 64;
const NONE: never[] = [];

const HEADER = 0;
const DATA = 1;
const TAIL = 2;

/**
 * One direction of an iSCSI connection cut into PDUs (RFC 7143 section 11). Bytes and holes go in, headers and data come
 * out. A hole inside a data segment keeps the boundaries; a hole over a header, or a header that cannot be one, loses
 * the boundary: `lost` becomes true and the owner has to find the next one and call `resume`.
 */
export class PduSplitter {
  /** Where the current header's BHS lies; valid from `header` to `end` only in `header` itself. */
  bhs: Uint8Array;
  bhsAt = 0;
  opcode = 0;
  immediate = false;
  ahsBytes = 0;
  dataLength = 0;
  /** Set by the sink in `header`. */
  want = false;
  /** Digests in use; `undefined` data digest means not known yet: the first data segment decides. */
  headerDigest = false;
  dataDigest: boolean | undefined = false;
  lost = false;
  /** Stream position (bytes since the connection's first) of the next byte, and of the current or lost PDU's start. */
  position = 0;
  start = 0;
  /** Largest data segment believed; a longer claim is no header. RFC 7143 section 13.12 allows up to 2^24 - 1. */
  maxDataLength = 0xffffff;
  /** Whether a header may have an opcode that nobody knows: on a connection of one's own, where no boundary is in doubt. */
  anyOpcode = false;

  private readonly sink: PduSink;
  private readonly own = new Uint8Array(HEADER_MAX);
  private readonly toTarget: boolean;
  private state = HEADER;
  private got = 0;
  private dataAt = 0;
  private dataLeft = 0;
  private tailLeft = 0;
  private crc = CRC_START;
  private holed = false;
  private checking = false;
  /** Disputed runs of the data segment: where, and the copy that `data` did not bring; the digest with all of those. */
  private disputes: { at: number; rival: Uint8Array }[] = [];
  private rivalCrc = CRC_START;
  private readonly tail = new Uint8Array(8);
  private tailGot = 0;

  constructor(sink: PduSink, toTarget: boolean) {
    this.sink = sink;
    this.toTarget = toTarget;
    this.bhs = this.own;
  }

  /** True between two PDUs. */
  get atBoundary(): boolean {
    return this.state === HEADER && this.got === 0;
  }

  /** Bytes of the data segment that are still to come. */
  get dataAhead(): number {
    return this.state === DATA && !this.lost ? this.dataLeft : 0;
  }

  /** Bytes of an unfinished header gathered so far, for the owner to search again once the boundary is lost. */
  get partial(): Uint8Array {
    return this.own.subarray(0, this.got);
  }

  /** Feeds captured bytes; returns how many were used: fewer than `length` only when the boundary was lost. */
  bytes(bytes: Uint8Array, offset: number, length: number): number {
    let i = offset;
    const end = offset + length;
    while (i < end && !this.lost) {
      const left = end - i;
      if (this.state === DATA) {
        const n = left < this.dataLeft ? left : this.dataLeft;
        if (this.checking) {
          this.crc = crcUpdate(this.crc, bytes, i, i + n);
          if (this.disputes.length > 0) this.rivalCrc = crcUpdate(this.rivalCrc, bytes, i, i + n);
        }
        if (this.want) this.sink.data(this, bytes, i, n, this.dataAt);
        this.position += n;
        i += n;
        this.advanceData(n);
      } else if (this.state === HEADER) {
        i += this.got === 0 && left >= BHS_BYTES ? this.inPlace(bytes, i, left) : this.gather(bytes, i, left);
      } else {
        const n = left < this.tailLeft ? left : this.tailLeft;
        for (let k = 0; k < n; k++) this.tail[this.tailGot++] = bytes[i + k];
        this.position += n;
        i += n;
        this.tailLeft -= n;
        if (this.tailLeft === 0) this.finish();
      }
    }
    return i - offset;
  }

  /** Feeds a hole; returns how much of it was used before the boundary was lost. */
  hole(length: number): number {
    let left = length;
    while (left > 0 && !this.lost) {
      if (this.state === DATA) {
        const n = Math.min(left, this.dataLeft);
        this.holed = true;
        this.sink.dataHole(this, n, this.dataAt);
        this.position += n;
        left -= n;
        this.advanceData(n);
      } else if (this.state === TAIL) {
        const n = Math.min(left, this.tailLeft);
        this.holed = true;
        this.position += n;
        left -= n;
        this.tailLeft -= n;
        this.tailGot += n;
        if (this.tailLeft === 0) this.finish();
      } else {
        this.lose();
      }
    }
    return length - left;
  }

  /**
   * Feeds bytes of which two copies differ. Where a data digest will follow, it may prove one of them: true then; false, and
   * nothing was used, where they can only be a hole.
   */
  disputed(bytes: Uint8Array, offset: number, rival: Uint8Array, length: number): boolean {
    const provable = this.state === DATA && this.dataDigest === true && this.checking && !this.holed;
    if (!provable || this.lost || length > this.dataLeft || this.disputes.length >= DISPUTES_MAX) return false;
    if (this.disputes.length === 0) {
      this.rivalCrc = this.crc;
      this.disputes = [];
    }
    // The other copy may go on behind what is disputed here.
    this.disputes.push({ at: this.dataAt, rival: rival.subarray(0, length) });
    this.crc = crcUpdate(this.crc, bytes, offset, offset + length);
    this.rivalCrc = crcUpdate(this.rivalCrc, rival, 0, length);
    this.sink.data(this, bytes, offset, length, this.dataAt);
    this.position += length;
    this.advanceData(length);
    return true;
  }

  /** Gives up the boundary; `start` says where the first PDU that is not known begins. */
  lose(): void {
    if (this.state !== HEADER) {
      this.giveUpDisputes();
      this.sink.end(this, 'unknown');
      this.start = this.position;
    } else {
      this.start = this.position - this.got;
    }
    this.lost = true;
  }

  /** Goes on at a proven boundary, at stream position `position`. */
  resume(position: number): void {
    this.lost = false;
    this.state = HEADER;
    this.got = 0;
    this.position = position;
  }

  private inPlace(bytes: Uint8Array, at: number, left: number): number {
    const total = BHS_BYTES + bytes[at + 4] * 4 + (this.headerDigest ? 4 : 0);
    if (left < total) return this.gather(bytes, at, left);
    this.start = this.position;
    if (!this.accept(bytes, at, total)) return 0;
    return total;
  }

  private gather(bytes: Uint8Array, at: number, left: number): number {
    let need = BHS_BYTES;
    if (this.got >= BHS_BYTES) need = BHS_BYTES + this.own[4] * 4 + (this.headerDigest ? 4 : 0);
    const n = Math.min(left, need - this.got);
    this.own.set(bytes.subarray(at, at + n), this.got);
    this.got += n;
    this.position += n;
    if (this.got < BHS_BYTES) return n;
    const total = BHS_BYTES + this.own[4] * 4 + (this.headerDigest ? 4 : 0);
    if (this.got < total) return n;
    this.start = this.position - total;
    this.position = this.start;
    if (this.accept(this.own, 0, total)) this.got = 0;
    else this.position = this.start + total;
    return n;
  }

  /** Takes a complete header, or loses the boundary and returns false. */
  private accept(bytes: Uint8Array, at: number, total: number): boolean {
    const first = bytes[at];
    const opcode = first & 0x3f;
    const dataLength = u24(bytes, at + 5);
    const digestAtOffset = at + total - 4;
    if (
      (KNOWN[first] === 0 && !this.anyOpcode) ||
      ((opcode & 0x20) === 0) !== this.toTarget ||
      dataLength > this.maxDataLength ||
      (this.headerDigest &&
        crcValue(crcUpdate(CRC_START, bytes, at, digestAtOffset)) !== digestAt(bytes, digestAtOffset))
    ) {
      this.lost = true;
      return false;
    }
    this.bhs = bytes;
    this.bhsAt = at;
    this.opcode = opcode;
    this.immediate = (first & 0x40) !== 0;
    this.ahsBytes = bytes[at + 4] * 4;
    this.dataLength = dataLength;
    this.dataAt = 0;
    this.dataLeft = dataLength;
    this.holed = false;
    this.want = false;
    this.disputes = NONE;
    this.position += total;
    this.sink.header(this);
    this.checking = dataLength > 0 && (this.dataDigest === undefined || (this.dataDigest && this.want));
    this.crc = CRC_START;
    if (dataLength === 0) this.finish();
    else this.state = DATA;
    return true;
  }

  private advanceData(n: number): void {
    this.dataAt += n;
    this.dataLeft -= n;
    if (this.dataLeft > 0) return;
    this.tailLeft = (-this.dataLength & 3) + (this.dataDigest === false ? 0 : 4);
    this.tailGot = 0;
    this.state = TAIL;
    if (this.tailLeft === 0) this.finish();
  }

  private finish(): void {
    this.state = HEADER;
    this.got = 0;
    if (this.dataLength === 0 || this.dataDigest === false) {
      this.sink.end(this, 'none');
      return;
    }
    const pad = -this.dataLength & 3;
    if (this.holed) this.giveUpDisputes();
    if (this.holed && this.dataDigest === undefined) {
      // Without all the data nothing says whether four bytes of digest stand here: the next header must be searched.
      this.sink.end(this, 'unknown');
      this.start = this.position;
      this.lost = true;
      return;
    }
    if (this.holed || !this.checking) {
      this.sink.end(this, this.holed ? 'unknown' : 'none');
      return;
    }
    const good = this.digestFits(this.crc, pad) || (this.disputes.length > 0 && this.takeRivals(pad));
    if (this.dataDigest !== undefined) {
      this.sink.end(this, good ? 'good' : 'bad');
      return;
    }
    this.dataDigest = good;
    this.sink.end(this, good ? 'good' : 'none');
    if (good) return;
    // No digest after all: the four bytes open the next header.
    this.own.set(this.tail.subarray(pad, pad + 4), 0);
    this.got = 4;
  }

  private digestFits(crc: number, pad: number): boolean {
    return crcValue(crcUpdate(crc, this.tail, 0, pad)) === digestAt(this.tail, pad);
  }

  /** True when the other copies of all disputed bytes are what the digest was made over. */
  private takeRivals(pad: number): boolean {
    if (!this.digestFits(this.rivalCrc, pad)) return false;
    for (const { at, rival } of this.disputes) this.sink.instead(this, rival, at);
    return true;
  }

  /** The digest can no longer be checked: disputed bytes are a hole after all. */
  private giveUpDisputes(): void {
    for (const { at, rival } of this.disputes) this.sink.dataHole(this, rival.length, at);
    this.disputes = NONE;
  }
}
