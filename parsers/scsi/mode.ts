import type { ParseFault } from '../../src/base/fault.ts';
import { parseFault } from '../../src/base/fault.ts';
import { TOO_LARGE, u16, u24, u32, u64 } from '../bytes.ts';

/** What mode parameters tell of a block device (SPC-5 section 7.5, SBC-4 section 6.5). */
export interface ModeData {
  /** WP: the medium is write protected. Means nothing in a MODE SELECT list. */
  writeProtected: boolean;
  /** DPOFUA: FUA is honoured. */
  dpoFua: boolean;
  /** Of the first block descriptor; 0 where there is none or it leaves it open. */
  blockSize: number;
  blocks: number;
  /** Caching page 08h; undefined where the data does not hold it. Whether it is current is PAGE CONTROL's to say. */
  wce: boolean | undefined;
}

const CACHING_PAGE = 0x08;

/** MODE SENSE(6) data. */
export function parseModeSense6(bytes: Uint8Array, offset: number, length: number): ModeData | ParseFault {
  if (length < 4) return parseFault(offset + length, 'MODE SENSE(6) data of fewer than 4 bytes');
  const end = offset + Math.min(length, bytes[offset] + 1);
  return modeData(bytes, offset + 2, offset + 4, bytes[offset + 3], false, end);
}

/** MODE SENSE(10) data. */
export function parseModeSense10(bytes: Uint8Array, offset: number, length: number): ModeData | ParseFault {
  if (length < 8) return parseFault(offset + length, 'MODE SENSE(10) data of fewer than 8 bytes');
  const end = offset + Math.min(length, u16(bytes, offset) + 2);
  const longLba = (bytes[offset + 4] & 0x01) !== 0;
  return modeData(bytes, offset + 3, offset + 8, u16(bytes, offset + 6), longLba, end);
}

/** MODE SELECT(6) parameter list: its MODE DATA LENGTH is reserved, the list ends where the data-out does. */
export function parseModeSelect6(bytes: Uint8Array, offset: number, length: number): ModeData | ParseFault {
  if (length < 4) return parseFault(offset + length, 'MODE SELECT(6) list of fewer than 4 bytes');
  return modeData(bytes, offset + 2, offset + 4, bytes[offset + 3], false, offset + length);
}

/** MODE SELECT(10) parameter list. */
export function parseModeSelect10(bytes: Uint8Array, offset: number, length: number): ModeData | ParseFault {
  if (length < 8) return parseFault(offset + length, 'MODE SELECT(10) list of fewer than 8 bytes');
  const longLba = (bytes[offset + 4] & 0x01) !== 0;
  return modeData(bytes, offset + 3, offset + 8, u16(bytes, offset + 6), longLba, offset + length);
}

function modeData(
  bytes: Uint8Array,
  specificAt: number,
  descriptorsAt: number,
  descriptorsLength: number,
  longLba: boolean,
  end: number,
): ModeData {
  const data: ModeData = {
    writeProtected: (bytes[specificAt] & 0x80) !== 0,
    dpoFua: (bytes[specificAt] & 0x10) !== 0,
    blockSize: 0,
    blocks: 0,
    wce: undefined,
  };
  const descriptorsEnd = descriptorsAt + descriptorsLength;
  if (longLba && descriptorsLength >= 16 && descriptorsAt + 16 <= end) {
    const blocks = u64(bytes, descriptorsAt);
    data.blocks = blocks === TOO_LARGE ? 0 : blocks;
    data.blockSize = u32(bytes, descriptorsAt + 12);
  } else if (!longLba && descriptorsLength >= 8 && descriptorsAt + 8 <= end) {
    const blocks = u32(bytes, descriptorsAt);
    // SBC-4 section 6.5.2.2: FFFFFFFFh says that the count does not fit.
    data.blocks = blocks === 0xffffffff ? 0 : blocks;
    data.blockSize = u24(bytes, descriptorsAt + 5);
  }
  data.wce = findWce(bytes, descriptorsEnd, end);
  return data;
}

/** Goes through the mode pages, of either format (SPC-5 section 7.5), to the caching page. */
function findWce(bytes: Uint8Array, from: number, end: number): boolean | undefined {
  let at = from;
  while (at + 3 <= end) {
    const hasSubpage = (bytes[at] & 0x40) !== 0;
    if (!hasSubpage && (bytes[at] & 0x3f) === CACHING_PAGE) return (bytes[at + 2] & 0x04) !== 0;
    if (hasSubpage && at + 4 > end) return undefined;
    at += hasSubpage ? 4 + u16(bytes, at + 2) : 2 + bytes[at + 1];
  }
  return undefined;
}
