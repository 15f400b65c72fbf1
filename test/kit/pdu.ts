import { join, u16, u32 } from '../unit/parsers/net/build.ts';
import type { Bytes } from './link.ts';

export interface Header {
  opcode: number;
  immediate?: boolean;
  /** Byte 1, then bytes 2 and 3. */
  flags?: number;
  two?: number;
  three?: number;
  /** Bytes 8 to 15. */
  lun?: Bytes;
  itt?: number;
  /** 32-bit words by their byte offset in the header, 20 to 44. */
  words?: Readonly<Record<number, number>>;
  /** Bytes 32 to 47, instead of words there. */
  cdb?: Bytes;
  ahs?: Bytes;
  data?: Bytes;
}

/** CRC-32C bit by bit (RFC 7143 section 13.1), apart from the tables of the code under test; least byte first. */
export function crc32c(bytes: Bytes): Bytes {
  let c = 0xffffffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  }
  return u32(~c >>> 0).reverse();
}

function padded(bytes: Bytes): Bytes {
  return join(bytes, new Uint8Array(-bytes.length & 3));
}

/** A PDU (RFC 7143 section 11.2) with padding and, where asked for, digests. */
export function pdu(h: Header, digests: { header?: boolean; data?: boolean } = {}): Bytes {
  const { data = new Uint8Array(0), ahs = new Uint8Array(0), lun = new Uint8Array(8) } = h;
  const bhs = new Uint8Array(48);
  bhs[0] = h.opcode | (h.immediate ? 0x40 : 0);
  bhs[1] = h.flags ?? 0x80;
  bhs[2] = h.two ?? 0;
  bhs[3] = h.three ?? 0;
  bhs[4] = ahs.length / 4;
  bhs.set(u32(data.length).subarray(1), 5);
  bhs.set(lun, 8);
  bhs.set(u32(h.itt ?? 0xffffffff), 16);
  for (const [at, value] of Object.entries(h.words ?? {})) bhs.set(u32(value >>> 0), Number(at));
  if (h.cdb !== undefined) bhs.set(h.cdb.subarray(0, 16), 32);
  const head = join(bhs, ahs);
  const body = padded(data);
  return join(
    head,
    digests.header ? crc32c(head) : new Uint8Array(0),
    body,
    digests.data && data.length > 0 ? crc32c(body) : new Uint8Array(0),
  );
}

/** `key=value` pairs, each ended by NUL (RFC 7143 section 6.1). */
export function text(keys: Readonly<Record<string, string>>): Bytes {
  return Uint8Array.from(
    Buffer.from(
      Object.entries(keys)
        .map(([key, value]) => `${key}=${value}\0`)
        .join(''),
    ),
  );
}

/** A single-level LUN by peripheral (below 256) or flat space addressing (SAM-5 section 4.7). */
export function lunField(lun: number, flat = lun > 255): Bytes {
  return join(u16(flat ? 0x4000 | lun : lun), new Uint8Array(6));
}

/** An AHS of type 1 with what does not fit into the header's 16 bytes of CDB (RFC 7143 section 11.2.2.3). */
export function cdbAhs(cdb: Bytes): Bytes {
  if (cdb.length <= 16) return new Uint8Array(0);
  return padded(join(u16(cdb.length - 16 + 1), Uint8Array.of(1, 0), cdb.subarray(16)));
}
