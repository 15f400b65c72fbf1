import { Parser } from 'binary-parser';

/** Standard INQUIRY data of at least 36 bytes, SPC-5 section 6.7.2. */
export const inquiryLayout = new Parser()
  .endianness('big')
  .bit3('peripheralQualifier')
  .bit5('peripheralType')
  .seek(3)
  .uint8('additionalLength')
  .seek(3)
  .string('vendor', { length: 8, encoding: 'ascii' })
  .string('product', { length: 16, encoding: 'ascii' })
  .string('revision', { length: 4, encoding: 'ascii' });

/** One designation descriptor, SPC-5 section 7.7.6. */
const designatorLayout = new Parser()
  .endianness('big')
  .bit4('protocol')
  .bit4('codeSet')
  .bit1('piv')
  .bit1('reserved')
  .bit2('association')
  .bit4('type')
  .seek(1)
  .uint8('length')
  .buffer('bytes', { length: 'length' });

/** VPD page 83h, whole. */
export const designatorsLayout = new Parser()
  .endianness('big')
  .uint8('peripheral')
  .uint8('pageCode')
  .uint16('pageLength')
  .array('designators', { type: designatorLayout, lengthInBytes: 'pageLength' });

/** VPD page B0h of SBC-3 and later (64 bytes), SBC-4 section 6.6.4. */
export const blockLimitsLayout = new Parser()
  .endianness('big')
  .uint8('peripheral')
  .uint8('pageCode')
  .uint16('pageLength')
  .bit7('reserved')
  .bit1('wsnz')
  .uint8('maxCompareAndWriteBlocks')
  .uint16('transferGranularity')
  .uint32('maxTransferBlocks')
  .uint32('optimalTransferBlocks')
  .uint32('maxPrefetchBlocks')
  .uint32('maxUnmapBlocks')
  .uint32('maxUnmapDescriptors')
  .uint32('unmapGranularity')
  .bit1('alignmentValid')
  .bit31('unmapAlignment')
  .uint64('maxWriteSameBlocks');

/** VPD page B2h, SBC-4 section 6.6.7. */
export const provisioningLayout = new Parser()
  .endianness('big')
  .uint8('peripheral')
  .uint8('pageCode')
  .uint16('pageLength')
  .uint8('thresholdExponent')
  .bit1('lbpu')
  .bit1('lbpws')
  .bit1('lbpws10')
  .bit3('lbprz')
  .bit1('anchorSupported')
  .bit1('descriptor')
  .bit5('minimumPercentage')
  .bit3('provisioningType')
  .uint8('thresholdPercentage');
