/** Big-endian reads for SCSI's layouts. Callers have checked that the bytes are there. */

/** What a 64-bit read returns when the value is above 2^53-1: nothing that large is ever a usable address or count. */
export const TOO_LARGE = -2;

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
}

export function u32(bytes: Uint8Array, at: number): number {
  return bytes[at] * 0x1000000 + u24(bytes, at + 1);
}

/** The value, or `TOO_LARGE` when a number cannot hold it exactly. */
export function u64(bytes: Uint8Array, at: number): number {
  const high = u32(bytes, at);
  return high > 0x1fffff ? TOO_LARGE : high * 0x100000000 + u32(bytes, at + 4);
}

/** Lower-case hexadecimal of `[from, to)`. */
export function hexOf(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i += 1) text += bytes[i].toString(16).padStart(2, '0');
  return text;
}

const utf8 = new TextDecoder('utf-8');

/**
 * Text of `[from, to)` up to the first NUL, without surrounding spaces. Control characters become `?`: the text comes
 * from the wire and ends up on an operator's terminal.
 */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  let end = from;
  while (end < to && bytes[end] !== 0) end += 1;
  return utf8
    .decode(bytes.subarray(from, end))
    .replace(/\p{Cc}/gu, '?')
    .trim();
}

/** A run of logical blocks, not yet clipped to the LU's capacity: `lbn + blocks` is at most 2^53-1. */
export interface Extent {
  lbn: number;
  blocks: number;
}
