import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { put16, u16 } from '../bytes.ts';

/** An iSCSI TransportID, SPC-5 section 7.6.4.6: an initiator port, or by its name alone all ports of an initiator. */
export interface TransportId {
  /** The iSCSI name of the initiator. */
  readonly initiator: string;
  /** `NAME,i,0xISID`; undefined where the TransportID names the device alone (TPID FORMAT 00b). */
  readonly initiatorPort: string | undefined;
}

const HEADER = 4;
const MIN_ADDITIONAL = 20;
const ISCSI = 0x05;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8');

/** The TransportID of an initiator port `NAME,i,0xISID`: its text ends in a NUL and fills whole words. */
export function transportIdBytes(initiatorPort: string): Uint8Array {
  const text = encoder.encode(initiatorPort);
  const length = Math.max(MIN_ADDITIONAL, (text.length + 4) & ~3);
  const bytes = new Uint8Array(HEADER + length);
  bytes[0] = 0x40 | ISCSI;
  put16(bytes, 2, length);
  bytes.set(text, HEADER);
  return bytes;
}

/** The bytes that the TransportID at `at` takes; 0 where the list ends before it does. */
export function transportIdLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + HEADER > end) return 0;
  const length = HEADER + u16(bytes, at + 2);
  return at + length > end ? 0 : length;
}

/** Reads the iSCSI TransportID of `length` bytes at `at`. */
export function parseTransportId(bytes: Uint8Array, at: number, length: number): TransportId | ParseFault {
  const format = bytes[at] >> 6;
  if ((bytes[at] & 0x0f) !== ISCSI) return parseFault(at, 'a TransportID of another protocol');
  if (format > 1) return parseFault(at, `an iSCSI TransportID of format ${format}`);
  if (length < HEADER + MIN_ADDITIONAL || length % 4 !== 0)
    return parseFault(at + 2, `a TransportID of ${length} bytes`);
  const text = textAt(bytes, at + HEADER, at + length);
  if (text === undefined) return parseFault(at + HEADER, 'a TransportID whose name does not end');
  if (format === 0) return { initiator: text, initiatorPort: undefined };
  const parts = /^(.+),i,0x([0-9a-fA-F]{1,12})$/.exec(text);
  if (parts === null) return parseFault(at + HEADER, 'a TransportID without an ISID');
  return { initiator: parts[1], initiatorPort: `${parts[1]},i,0x${parts[2].toLowerCase().padStart(12, '0')}` };
}

function textAt(bytes: Uint8Array, from: number, to: number): string | undefined {
  const end = bytes.indexOf(0, from);
  return end <= from || end >= to ? undefined : decoder.decode(bytes.subarray(from, end));
}
