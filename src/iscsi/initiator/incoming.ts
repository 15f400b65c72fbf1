import { u16, u32 } from '../../../parsers/bytes.ts';
import { Op } from '../../../parsers/iscsi/opcodes.ts';

/** The fields of one header, read before the next: a header's bytes are borrowed, its data comes later. */
export class Incoming {
  opcode = 0;
  /** Bytes 1 to 3. */
  flags = 0;
  response = 0;
  status = 0;
  dataSegmentLength = 0;
  /** Of a NOP-In only: its answer has to carry it back. */
  readonly lun = new Uint8Array(8);
  /** Bytes 14 and 15: a login response's TSIH. */
  tsih = 0;
  itt = 0;
  ttt = 0;
  statSn = 0;
  expCmdSn = 0;
  maxCmdSn = 0;
  /** The words at 36, 40 and 44: DataSN or R2TSN, buffer offset, residual count or desired length. */
  word36 = 0;
  word40 = 0;
  word44 = 0;

  read(b: Uint8Array, at: number, opcode: number, dataSegmentLength: number): void {
    this.opcode = opcode;
    this.flags = b[at + 1];
    this.response = b[at + 2];
    this.status = b[at + 3];
    this.dataSegmentLength = dataSegmentLength;
    this.tsih = u16(b, at + 14);
    this.itt = u32(b, at + 16);
    this.ttt = u32(b, at + 20);
    this.statSn = u32(b, at + 24);
    this.expCmdSn = u32(b, at + 28);
    this.maxCmdSn = u32(b, at + 32);
    this.word36 = u32(b, at + 36);
    this.word40 = u32(b, at + 40);
    this.word44 = u32(b, at + 44);
    if (opcode === Op.nopIn) for (let i = 0; i < 8; i++) this.lun[i] = b[at + 8 + i];
  }
}
