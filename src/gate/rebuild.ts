import { crc32c } from '../../parsers/iscsi/crc32c.ts';
import { BHS_BYTES } from '../../parsers/iscsi/opcodes.ts';

/** `pdu` with another data segment: its length, padding and digests are made anew (RFC 7143 sections 11.2.1.6, 13.1). */
export function rebuilt(
  pdu: Uint8Array,
  data: Uint8Array,
  digests: { readonly header: boolean; readonly data: boolean },
): Uint8Array {
  const header = BHS_BYTES + pdu[4] * 4;
  const start = header + (digests.header ? 4 : 0);
  const padded = data.length + (-data.length & 3);
  const out = new Uint8Array(start + padded + (digests.data && data.length > 0 ? 4 : 0));
  out.set(pdu.subarray(0, header));
  out[5] = data.length >>> 16;
  out[6] = data.length >>> 8;
  out[7] = data.length;
  if (digests.header) putDigest(out, header, crc32c(out, 0, header));
  out.set(data, start);
  if (digests.data && data.length > 0) putDigest(out, start + padded, crc32c(out, start, start + padded));
  return out;
}

/** Digests are sent least significant byte first. */
function putDigest(out: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) out[at + i] = value >>> (8 * i);
}
