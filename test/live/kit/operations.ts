import {
  putRead,
  putSynchronizeCache,
  putUnmap,
  putWrite,
  putWriteSame10,
  putWriteSame16,
  unmapList,
} from '../../../parsers/scsi/build.ts';
import { noise } from './files.ts';

/** What a load is made of. `or` is ORWRITE(16), whose effect is not in its data; `wv` WRITE AND VERIFY; `same` WRITE SAME. */
export type Operation =
  | 'w10'
  | 'w12'
  | 'w16'
  | 'fua'
  | 'wv10'
  | 'wv16'
  | 'same10'
  | 'same16'
  | 'same16u'
  | 'unmap'
  | 'or'
  | 'r10'
  | 'sync';

export interface Made {
  cdb: Uint8Array;
  out?: Uint8Array;
  inBytes?: number;
}

const WRITE_12 = 0xaa;
const WRITE_16 = 0x8a;
const ORWRITE_16 = 0x8b;
const WRITE_AND_VERIFY_10 = 0x2e;
const WRITE_AND_VERIFY_16 = 0x8e;

/** A command on `blocks` blocks from `lbn`, with data that the dice make. */
export function make(
  operation: Operation,
  lbn: number,
  blocks: number,
  blockSize: number,
  roll: (below: number) => number,
): Made {
  const cdb = new Uint8Array(16);
  const view = new DataView(cdb.buffer);
  const data = (count = blocks): Uint8Array => noise(count * blockSize, roll);
  const ten = (opcode: number): void => {
    cdb[0] = opcode;
    view.setUint32(2, lbn);
    view.setUint16(7, blocks);
  };
  const sixteen = (opcode: number): void => {
    cdb[0] = opcode;
    view.setBigUint64(2, BigInt(lbn));
    view.setUint32(10, blocks);
  };
  switch (operation) {
    case 'w10':
    case 'fua':
      putWrite(cdb, lbn, blocks, operation === 'fua');
      return { cdb, out: data() };
    case 'w12':
      cdb[0] = WRITE_12;
      view.setUint32(2, lbn);
      view.setUint32(6, blocks);
      return { cdb, out: data() };
    case 'w16':
      sixteen(WRITE_16);
      return { cdb, out: data() };
    case 'wv10':
      ten(WRITE_AND_VERIFY_10);
      return { cdb, out: data() };
    case 'wv16':
      sixteen(WRITE_AND_VERIFY_16);
      return { cdb, out: data() };
    case 'or':
      sixteen(ORWRITE_16);
      return { cdb, out: data() };
    case 'same10':
      putWriteSame10(cdb, lbn, blocks, false);
      return { cdb, out: data(1) };
    case 'same16':
      putWriteSame16(cdb, lbn, blocks, false);
      return { cdb, out: data(1) };
    case 'same16u':
      putWriteSame16(cdb, lbn, blocks, true);
      return { cdb, out: new Uint8Array(blockSize) };
    case 'unmap': {
      const out = unmapList(lbn, blocks);
      putUnmap(cdb, out.length);
      return { cdb, out };
    }
    case 'r10':
      putRead(cdb, lbn, blocks);
      return { cdb, inBytes: blocks * blockSize };
    case 'sync':
      putSynchronizeCache(cdb, false);
      return { cdb };
  }
}
