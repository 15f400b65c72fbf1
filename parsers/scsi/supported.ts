import { u16 } from '../bytes.ts';

/** What REPORT SUPPORTED OPERATION CODES says of one command (SPC-5 section 6.37.3); undefined where it cannot say. */
export function parseSupported(bytes: Uint8Array, offset: number, length: number): boolean | undefined {
  if (length < 4 || u16(bytes, offset) === 0xffff) return undefined;
  const support = bytes[offset + 1] & 0x07;
  if (support === 0x01) return false;
  return support === 0x03 || support === 0x05 ? true : undefined;
}
