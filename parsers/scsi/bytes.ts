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
