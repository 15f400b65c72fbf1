import { Parser } from 'binary-parser';

/** Fixed format sense data of at least 14 bytes, SPC-4 section 4.5.3. */
export const fixedSenseLayout = new Parser()
  .endianness('big')
  .bit1('valid')
  .bit7('responseCode')
  .uint8('obsolete')
  .bit1('filemark')
  .bit1('eom')
  .bit1('ili')
  .bit1('sdatOvfl')
  .bit4('key')
  .uint32('information')
  .uint8('additionalLength')
  .uint32('commandSpecific')
  .uint8('asc')
  .uint8('ascq');

/** What follows type and length of the information sense data descriptor, SPC-4 section 4.5.2.2. */
export const informationLayout = new Parser()
  .endianness('big')
  .bit1('valid')
  .bit7('reserved')
  .uint8('reserved2')
  .uint64('value');

/** Descriptor format sense data whose descriptors are whole, SPC-4 section 4.5.2. */
export const descriptorSenseLayout = new Parser()
  .endianness('big')
  .bit1('reserved')
  .bit7('responseCode')
  .bit4('reserved2')
  .bit4('key')
  .uint8('asc')
  .uint8('ascq')
  .seek(3)
  .uint8('additionalLength')
  .array('descriptors', {
    lengthInBytes: 'additionalLength',
    type: new Parser().endianness('big').uint8('type').uint8('length').buffer('body', { length: 'length' }),
  });
