/**
 * Big-endian reads and writes by index: the fastest way to a field of a header (no DataView, no view object). Callers have
 * checked that the bytes are there.
 */

/** What a 64-bit read returns when the value is above 2^53-1: nothing that large is ever a usable address or count. */
export const TOO_LARGE = -2;

export function u16(b: Uint8Array, at: number): number {
  return (b[at] << 8) | b[at + 1];
}

export function u24(b: Uint8Array, at: number): number {
  return (b[at] << 16) | (b[at + 1] << 8) | b[at + 2];
}

export function u32(b: Uint8Array, at: number): number {
  return ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;
}

/** The value, or `TOO_LARGE` when a number cannot hold it exactly. */
export function u64(b: Uint8Array, at: number): number {
  const high = u32(b, at);
  return high > 0x1fffff ? TOO_LARGE : high * 0x100000000 + u32(b, at + 4);
}

export function put16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[at + 1] = value;
}

export function put24(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 16;
  b[at + 1] = value >>> 8;
  b[at + 2] = value;
}

export function put32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}
