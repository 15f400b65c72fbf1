import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { u32 } from '../bytes.ts';

/** PERSISTENT RESERVE IN service actions, SPC-5 section 6.16.1. */
export const READ_KEYS = 0x00;
export const READ_RESERVATION = 0x01;

/** PERSISTENT RESERVE OUT service actions, SPC-5 section 6.17.1. */
export const REGISTER = 0x00;
export const RESERVE = 0x01;
export const RELEASE = 0x02;
export const PREEMPT = 0x04;
export const REGISTER_AND_IGNORE = 0x06;

/** Reservation types, SPC-5 section 6.16.3.4. */
export const WRITE_EXCLUSIVE = 0x1;

/** Who holds the reservation of an LU. */
export interface Reservation {
  /** Of the holder; 0 where every registrant holds it. */
  key: bigint;
  type: number;
}

/** READ RESERVATION data, SPC-5 section 6.16.3: undefined where nobody holds one. */
export function parseReservation(
  bytes: Uint8Array,
  offset: number,
  length: number,
): Reservation | undefined | ParseFault {
  if (length < 8) return parseFault(offset + length, 'READ RESERVATION data of fewer than 8 bytes');
  if (u32(bytes, offset + 4) < 16) return undefined;
  if (length < 24) return parseFault(offset + length, 'READ RESERVATION data that ends inside its descriptor');
  return { key: keyAt(bytes, offset + 8), type: bytes[offset + 21] & 0x0f };
}

/** READ KEYS data, SPC-5 section 6.16.2: the keys that arrived whole. */
export function parseKeys(bytes: Uint8Array, offset: number, length: number): bigint[] | ParseFault {
  if (length < 8) return parseFault(offset + length, 'READ KEYS data of fewer than 8 bytes');
  const end = offset + Math.min(length, 8 + u32(bytes, offset + 4));
  const keys: bigint[] = [];
  for (let at = offset + 8; at + 8 <= end; at += 8) keys.push(keyAt(bytes, at));
  return keys;
}

function keyAt(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32(bytes, at)) << 32n) | BigInt(u32(bytes, at + 4));
}
