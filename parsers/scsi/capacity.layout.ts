import { Parser } from 'binary-parser';

/** READ CAPACITY(10) parameter data, SBC-4 section 5.20.2. */
export const capacity10Layout = new Parser().endianness('big').uint32('lastLbn').uint32('blockSize');

/** READ CAPACITY(16) parameter data up to its reserved bytes, SBC-4 section 5.21.2. */
export const capacity16Layout = new Parser()
  .endianness('big')
  .uint64('lastLbn')
  .uint32('blockSize')
  .bit2('reserved')
  .bit2('rcBasis')
  .bit3('protectionType')
  .bit1('protectionEnabled')
  .bit4('intervalExponent')
  .bit4('physicalExponent')
  .bit1('lbpme')
  .bit1('lbprz')
  .bit14('lowestAligned');
