import { Parser } from 'binary-parser';

/** A short LBA mode parameter block descriptor of a block device, SBC-4 section 6.5.2.2. */
const shortDescriptorLayout = new Parser().endianness('big').uint32('blocks').uint8('reserved').bit24('blockSize');

/** The caching page up to WCE, SBC-4 section 6.5.6. */
const cachingLayout = new Parser()
  .endianness('big')
  .bit1('ps')
  .bit1('spf')
  .bit6('pageCode')
  .uint8('pageLength')
  .bit5('ic')
  .bit1('wce')
  .bit1('mf')
  .bit1('rcd');

/** MODE SENSE(6) data of one block descriptor and the caching page, SPC-5 section 7.5. */
export const modeSense6Layout = new Parser()
  .endianness('big')
  .uint8('length')
  .uint8('mediumType')
  .bit1('writeProtected')
  .bit2('reserved')
  .bit1('dpoFua')
  .bit4('reserved2')
  .uint8('descriptorLength')
  .nest('descriptor', { type: shortDescriptorLayout })
  .nest('caching', { type: cachingLayout });
