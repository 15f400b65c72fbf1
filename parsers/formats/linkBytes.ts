import { Fault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import { put16, put32, u16, u32 } from '../bytes.ts';

const TWO32 = 2 ** 32;
const TWO48 = 2 ** 48;
/** A varint of 2^53-1 takes eight bytes of seven bits. */
const VARINT_BYTES_MAX = 8;
/** `u64At` and `put64` are for nanoseconds since 1970: the year 2262 is their end. */
const NANOS_MAX = 2n ** 63n;

/** Writes a frame's body, big-endian, behind `reserved` bytes that its header takes later. */
export class LinkScribe {
  #bytes: Uint8Array;
  #length: number;

  constructor(reserved: number, room = 64) {
    this.#bytes = new Uint8Array(reserved + room);
    this.#length = reserved;
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, behind the reserved bytes; the caller's own. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value: number): this {
    // Taken first: it may put other bytes in the place of these.
    const at = this.#take(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#take(2);
    put16(this.#bytes, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#take(4);
    put32(this.#bytes, at, value);
    return this;
  }

  u48(value: number): this {
    if (!(value >= 0 && value < TWO48)) throw new Fault('bug', `${value} does not fit into 48 bits`);
    const at = this.#take(6);
    put16(this.#bytes, at, Math.floor(value / TWO32));
    put32(this.#bytes, at + 2, value % TWO32);
    return this;
  }

  nanos(value: bigint): this {
    if (!(value >= 0n && value < NANOS_MAX)) throw new Fault('bug', `${value} is no moment since 1970`);
    const at = this.#take(8);
    put32(this.#bytes, at, Number(value >> 32n));
    put32(this.#bytes, at + 4, Number(value & 0xffffffffn));
    return this;
  }

  /** Seven bits a byte, the lowest first; the top bit says that more follow. */
  varint(value: number): this {
    if (!(value >= 0 && Number.isSafeInteger(value))) throw new Fault('bug', `${value} is no length`);
    let left = value;
    for (; left > 0x7f; left = Math.floor(left / 128)) this.u8((left % 128) | 0x80);
    return this.u8(left);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** UTF-8 behind its length; cut at a whole character where it is longer than `most` bytes. */
  text(text: string, most: number): this {
    let bytes = new TextEncoder().encode(text);
    if (bytes.length > most) {
      let end = most;
      while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
      bytes = bytes.subarray(0, end);
    }
    return this.varint(bytes.length).raw(bytes);
  }

  /** Where `bytes` more may be put. */
  #take(bytes: number): number {
    const at = this.#length;
    this.#length = at + bytes;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

/**
 * Reads a frame's body. Past the end, or at a value that is not allowed, it gives zeros and keeps the first `fault`; whoever
 * reads looks at that once, and within every loop whose length came from the bytes.
 */
export class LinkReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  fault: ParseFault | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  fail(reason: string): void {
    this.fault ??= parseFault(this.#at, reason);
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#bytes[at];
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : u16(this.#bytes, at);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : u32(this.#bytes, at);
  }

  u48(): number {
    const at = this.#take(6);
    return at < 0 ? 0 : u16(this.#bytes, at) * TWO32 + u32(this.#bytes, at + 2);
  }

  nanos(): bigint {
    const at = this.#take(8);
    if (at < 0) return 0n;
    const value = (BigInt(u32(this.#bytes, at)) << 32n) | BigInt(u32(this.#bytes, at + 4));
    if (value < NANOS_MAX) return value;
    this.fail('a moment after 2262');
    return 0n;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < VARINT_BYTES_MAX; n++, scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
    }
    this.fail('a number above 2^53-1');
    return 0;
  }

  /** A view, as long as the body lives. */
  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return at < 0 ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(at, at + length);
  }

  /** Words from the other side: without control characters, which a terminal or a log would act upon. */
  text(most: number): string {
    const length = this.varint();
    if (length > most) {
      this.fail(`a text of ${length} bytes, ${most} are allowed`);
      return '';
    }
    try {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.raw(length));
      return text.replace(/\p{Cc}|\p{Zl}|\p{Zp}|\p{Cf}/gu, ' ');
    } catch {
      this.fail('a text that is not UTF-8');
      return '';
    }
  }

  /** Nothing may follow. */
  end(): void {
    if (this.left > 0) this.fail(`${this.left} bytes too many`);
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (this.fault || bytes > this.#bytes.length - at) {
      this.fail('the body ends too early');
      return -1;
    }
    this.#at = at + bytes;
    return at;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const UUID_BYTES = 16;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** A UUID's 16 bytes. */
export function uuidBytes(text: string): Uint8Array {
  if (!isUuid(text)) throw new Fault('bug', `${text} is no UUID`);
  const digits = text.replaceAll('-', '');
  return Uint8Array.from({ length: UUID_BYTES }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** A UUID in lower case. */
export function uuidText(bytes: Uint8Array): string {
  const digits = Array.from(bytes.subarray(0, UUID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
