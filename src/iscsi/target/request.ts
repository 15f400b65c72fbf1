import { u16, u32 } from '../../../parsers/bytes.ts';
import { BHS_BYTES } from '../../../parsers/iscsi/opcodes.ts';

/** A header from an initiator, copied as its bytes are borrowed while its data comes later (RFC 7143 section 11). */
export class Request {
  readonly bytes = new Uint8Array(BHS_BYTES);
  /** The fields of the same name, as views of it. */
  readonly lun: Uint8Array = this.bytes.subarray(8, 16);
  readonly cdb: Uint8Array = this.bytes.subarray(32, 48);
  opcode = 0;
  immediate = false;
  flags = 0;
  dataLength = 0;
  itt = 0;
  cmdSn = 0;
  /** Additional header segments; NONE where there are none. */
  ahs: Uint8Array = NONE;

  read(b: Uint8Array, at: number, ahsBytes: number, dataLength: number): void {
    const { bytes } = this;
    for (let i = 0; i < BHS_BYTES; i++) bytes[i] = b[at + i];
    this.opcode = bytes[0] & 0x3f;
    this.immediate = (bytes[0] & 0x40) !== 0;
    this.flags = bytes[1];
    this.dataLength = dataLength;
    this.itt = u32(bytes, 16);
    this.cmdSn = u32(bytes, 24);
    this.ahs = ahsBytes === 0 ? NONE : Uint8Array.from(b.subarray(at + BHS_BYTES, at + BHS_BYTES + ahsBytes));
  }

  /** The same, kept. */
  copy(): Request {
    const kept = new Request();
    kept.read(this.bytes, 0, 0, this.dataLength);
    kept.ahs = this.ahs;
    return kept;
  }

  /** Bytes 20 to 23: expected data transfer length, target transfer tag, or referenced task tag. */
  get word20(): number {
    return u32(this.bytes, 20);
  }

  get word32(): number {
    return u32(this.bytes, 32);
  }

  get word36(): number {
    return u32(this.bytes, 36);
  }

  get word40(): number {
    return u32(this.bytes, 40);
  }

  /** Login and logout requests: the connection's identifier. */
  get cid(): number {
    return u16(this.bytes, 20);
  }

  get tsih(): number {
    return u16(this.bytes, 14);
  }

  get versionMin(): number {
    return this.bytes[3];
  }
}

const NONE = new Uint8Array(0);
