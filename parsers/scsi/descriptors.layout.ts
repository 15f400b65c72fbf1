import { Parser } from 'binary-parser';

const rangeLayout = new Parser().endianness('big').uint64('lbn').uint32('blocks').uint32('reserved');

/** UNMAP parameter list whose descriptors are whole, SBC-4 section 5.35.2. */
export const unmapLayout = new Parser()
  .endianness('big')
  .uint16('dataLength')
  .uint16('descriptorsLength')
  .uint32('reserved')
  .array('descriptors', { type: rangeLayout, lengthInBytes: 'descriptorsLength' });

/** WRITE USING TOKEN parameter list, SBC-4 section 5.59. */
export const tokenLayout = new Parser()
  .endianness('big')
  .uint16('dataLength')
  .bit6('reserved')
  .bit1('deleteToken')
  .bit1('immed')
  .seek(5)
  .uint64('offsetIntoRod')
  .buffer('token', { length: 512 })
  .seek(6)
  .uint16('descriptorsLength')
  .array('descriptors', { type: rangeLayout, lengthInBytes: 'descriptorsLength' });

/** One LBA range descriptor of WRITE SCATTERED, SBC-4 section 5.55. */
export const scatteredLayout = new Parser()
  .endianness('big')
  .seek(32)
  .array('descriptors', {
    readUntil: 'eof',
    type: new Parser()
      .endianness('big')
      .uint64('lbn')
      .uint32('blocks')
      .uint32('referenceTag')
      .uint16('applicationTag')
      .uint16('applicationTagMask')
      .uint64('reserved')
      .uint32('reserved2'),
  });

const cscdLayout = new Parser()
  .endianness('big')
  .uint8('typeCode')
  .bit2('luIdType')
  .bit1('nul')
  .bit5('peripheralType')
  .uint16('relativePort')
  .bit4('reserved')
  .bit4('codeSet')
  .bit2('reserved2')
  .bit2('association')
  .bit4('designatorType')
  .uint8('reserved3')
  .uint8('designatorLength')
  .buffer('designator', { length: 20 })
  .uint8('flags')
  .bit24('blockLength');

const blockToBlockLayout = new Parser()
  .endianness('big')
  .uint8('typeCode')
  .bit6('reserved')
  .bit1('dc')
  .bit1('cat')
  .uint16('length')
  .uint16('source')
  .uint16('destination')
  .uint16('reserved2')
  .uint16('blocks')
  .uint64('sourceLbn')
  .uint64('lbn');

/** EXTENDED COPY(LID1) parameter list of block to block segments (02h), SPC-4 section 6.5. */
export const copyLid1Layout = new Parser()
  .endianness('big')
  .uint8('listIdentifier')
  .uint8('flags')
  .uint16('cscdLength')
  .uint32('reserved')
  .uint32('segmentLength')
  .uint32('inlineLength')
  .array('cscds', { type: cscdLayout, lengthInBytes: 'cscdLength' })
  .array('segments', { type: blockToBlockLayout, lengthInBytes: 'segmentLength' });
