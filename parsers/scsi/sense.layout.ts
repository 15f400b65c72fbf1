import { Parser } from 'binary-parser';

/** Fixed format sense data of at least 14 bytes, SPC-5 section 4.4.3. */
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

const informationLayout = new Parser()
  .endianness('big')
  .bit1('valid')
  .bit7('reserved')
  .uint8('reserved2')
  .uint64('value');
const otherLayout = new Parser().buffer('bytes', { length: '$parent.length' });

/** Descriptor format sense data whose descriptors are whole, SPC-5 section 4.4.2. */
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
    type: new Parser()
      .endianness('big')
      .useContextVars()
      .uint8('type')
      .uint8('length')
      .choice('body', { tag: 'type', choices: { 0: informationLayout }, defaultChoice: otherLayout }),
  });
