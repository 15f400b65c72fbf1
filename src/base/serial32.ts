/** Serial number arithmetic on 32 bits (RFC 1982; RFC 9293 section 3.4; RFC 7143 section 4.2.2.1). */

/** a + n, wrapped. */
export function add32(a: number, n: number): number {
  return (a + n) >>> 0;
}

/** Signed distance from b to a: positive when a is later. */
export function diff32(a: number, b: number): number {
  return (a - b) | 0;
}
