import type { Operation } from './operation.ts';
import { bare10, bare16, listShape, op, operation, rw6, rw10, rw12, rw16, rw32, shape } from './operation.ts';

const data = { effect: 'data' } as const;
const verified = { effect: 'data', durable: true } as const;
const extents = { effect: 'extents' } as const;
const same = { effect: 'same', zeroBlocks: 'toEnd' } as const;
const wholeLu = { effect: 'wholeLu' } as const;
const reformat = { effect: 'wholeLu', mayChangeFormat: true } as const;
const toEnd = { zeroBlocks: 'toEnd' } as const;
const flush = { sync: true, zeroBlocks: 'toEnd' } as const;

/** COMPARE AND WRITE, SBC-4 section 5.3: the count is one byte. */
const compare16 = shape(16, { lbnAt: 2, lbnBytes: 8, blocksAt: 13, blocksBytes: 1, flagsAt: 1, groupAt: 14 });
/** WRITE ATOMIC(16) and WRITE STREAM(16): bytes 10-11 are the atomic boundary or the stream. */
const short16 = shape(16, { lbnAt: 2, lbnBytes: 8, blocksAt: 12, blocksBytes: 2, flagsAt: 1, groupAt: 14 });
/** READ LONG and WRITE LONG: one block, the length is in bytes. */
const long10 = shape(10, { lbnAt: 2, lbnBytes: 4, listAt: 7, listBytes: 2 });
const long16 = shape(16, { lbnAt: 2, lbnBytes: 8, listAt: 12, listBytes: 2 });
/** Service actions of 9Eh that take an LBA and an allocation length. */
const from16 = shape(16, { lbnAt: 2, lbnBytes: 8, listAt: 10, listBytes: 4 });
const in16 = listShape(16, 10, 4);
/** REBUILD(16) and REGENERATE(16), SBC-2: four-byte address and length, then a parameter list. */
const rebuild16 = shape(16, { lbnAt: 2, lbnBytes: 4, blocksAt: 6, blocksBytes: 4, listAt: 10, listBytes: 4 });
/** XDWRITE EXTENDED(16), SBC-2: a secondary address stands between the address and the length. */
const secondary16 = shape(16, { lbnAt: 2, lbnBytes: 4, blocksAt: 10, blocksBytes: 4 });
/** Commands that take an LBA but touch one block or none. */
const seek10 = shape(10, { lbnAt: 2, lbnBytes: 4 });
/** WRITE SCATTERED: BUFFER TRANSFER LENGTH counts blocks of the data-out, not of the medium. */
const scattered16 = shape(16, { groupAt: 14, flagsAt: 2 });
const scattered32 = shape(32, { groupAt: 6, flagsAt: 10 });

/** SCSI Block Commands (SBC-2 to SBC-5), with those that became obsolete on the way. */
export const blockOperations: readonly Operation[] = [
  op(0x01, 'REZERO UNIT', 'control', '-', shape(6)),
  op(0x04, 'FORMAT UNIT', 'write', 'w', shape(6), reformat),
  op(0x07, 'REASSIGN BLOCKS', 'write', 'w', shape(6), { effect: 'reassign' }),
  op(0x08, 'READ(6)', 'read', 'r', rw6, { zeroBlocks: '256' }),
  op(0x0a, 'WRITE(6)', 'write', 'w', rw6, { effect: 'data', zeroBlocks: '256' }),
  op(0x0b, 'SEEK(6)', 'control', '-', shape(6, { lbnAt: 1, lbnBytes: 3 })),
  op(0x1b, 'START STOP UNIT', 'control', '-', shape(6)),
  op(0x25, 'READ CAPACITY(10)', 'control', 'r', bare10),
  op(0x28, 'READ(10)', 'read', 'r', rw10),
  op(0x29, 'READ GENERATION', 'control', 'r', listShape(10, 8, 1)),
  op(0x2a, 'WRITE(10)', 'write', 'w', rw10, data),
  op(0x2b, 'SEEK(10)', 'control', '-', seek10),
  op(0x2c, 'ERASE(10)', 'write', '-', rw10, { effect: 'extents', zeroBlocks: 'toEnd' }),
  op(0x2d, 'READ UPDATED BLOCK(10)', 'read', 'r', seek10),
  op(0x2e, 'WRITE AND VERIFY(10)', 'write', 'w', rw10, verified),
  op(0x2f, 'VERIFY(10)', 'read', '-', rw10),
  op(0x30, 'SEARCH DATA HIGH(10)', 'read', 'w', rw10),
  op(0x31, 'SEARCH DATA EQUAL(10)', 'read', 'w', rw10),
  op(0x32, 'SEARCH DATA LOW(10)', 'read', 'w', rw10),
  op(0x33, 'SET LIMITS(10)', 'control', '-', rw10),
  op(0x34, 'PRE-FETCH(10)', 'control', '-', rw10, toEnd),
  op(0x35, 'SYNCHRONIZE CACHE(10)', 'control', '-', rw10, flush),
  op(0x36, 'LOCK UNLOCK CACHE(10)', 'control', '-', rw10, toEnd),
  op(0x37, 'READ DEFECT DATA(10)', 'control', 'r', listShape(10, 7, 2)),
  op(0x38, 'FORMAT WITH PRESET SCAN', 'write', '-', bare10, reformat),
  op(0x3d, 'UPDATE BLOCK', 'write', 'w', seek10, extents),
  op(0x3e, 'READ LONG(10)', 'read', 'r', long10),
  op(0x3f, 'WRITE LONG(10)', 'write', 'w', long10, extents),
  op(0x41, 'WRITE SAME(10)', 'write', 'w', rw10, same),
  op(0x42, 'UNMAP', 'write', 'w', shape(10, { groupAt: 6, listAt: 7, listBytes: 2 }), { effect: 'unmap' }),
  op(0x48, 'SANITIZE', 'write', 'w', listShape(10, 7, 2), wholeLu),
  op(0x50, 'XDWRITE(10)', 'write', 'w', rw10, extents),
  op(0x51, 'XPWRITE(10)', 'write', 'w', rw10, extents),
  op(0x52, 'XDREAD(10)', 'control', 'r', rw10),
  op(0x53, 'XDWRITEREAD(10)', 'write', 'bidi', rw10, extents),
  op(0x80, 'XDWRITE EXTENDED(16)', 'write', 'w', secondary16, { effect: 'extents', thirdParty: true }),
  op(0x81, 'REBUILD(16)', 'write', 'w', rebuild16, extents),
  op(0x82, 'REGENERATE(16)', 'read', 'w', rebuild16),
  op(0x88, 'READ(16)', 'read', 'r', rw16),
  op(0x89, 'COMPARE AND WRITE', 'write', 'w', compare16, { effect: 'compareWrite' }),
  op(0x8a, 'WRITE(16)', 'write', 'w', rw16, data),
  op(0x8b, 'ORWRITE(16)', 'write', 'w', rw16, { effect: 'or' }),
  op(0x8e, 'WRITE AND VERIFY(16)', 'write', 'w', rw16, verified),
  op(0x8f, 'VERIFY(16)', 'read', '-', rw16),
  op(0x90, 'PRE-FETCH(16)', 'control', '-', rw16, toEnd),
  op(0x91, 'SYNCHRONIZE CACHE(16)', 'control', '-', rw16, flush),
  op(0x92, 'LOCK UNLOCK CACHE(16)', 'control', '-', rw16, toEnd),
  op(0x93, 'WRITE SAME(16)', 'write', 'w', rw16, same),
  op(0x9a, 'WRITE STREAM(16)', 'write', 'w', short16, data),
  op(0x9c, 'WRITE ATOMIC(16)', 'write', 'w', short16, data),
  op(0xa8, 'READ(12)', 'read', 'r', rw12),
  op(0xaa, 'WRITE(12)', 'write', 'w', rw12, data),
  op(0xac, 'ERASE(12)', 'write', '-', rw12, { effect: 'extents', zeroBlocks: 'toEnd' }),
  op(0xae, 'WRITE AND VERIFY(12)', 'write', 'w', rw12, verified),
  op(0xaf, 'VERIFY(12)', 'read', '-', rw12),
  op(0xb0, 'SEARCH DATA HIGH(12)', 'read', 'w', rw12),
  op(0xb1, 'SEARCH DATA EQUAL(12)', 'read', 'w', rw12),
  op(0xb2, 'SEARCH DATA LOW(12)', 'read', 'w', rw12),
  op(0xb3, 'SET LIMITS(12)', 'control', '-', rw12),
  op(0xb7, 'READ DEFECT DATA(12)', 'control', 'r', listShape(12, 6, 4)),

  operation(0x9e, 0x10, 'READ CAPACITY(16)', 'control', 'r', in16),
  operation(0x9e, 0x11, 'READ LONG(16)', 'read', 'r', long16),
  operation(0x9e, 0x12, 'GET LBA STATUS(16)', 'control', 'r', from16),
  operation(0x9e, 0x13, 'REPORT REFERRALS', 'control', 'r', from16),
  operation(0x9e, 0x14, 'STREAM CONTROL', 'control', 'r', in16),
  operation(0x9e, 0x15, 'BACKGROUND CONTROL', 'control', '-', bare16),
  operation(0x9e, 0x16, 'GET STREAM STATUS', 'control', 'r', in16),
  operation(0x9e, 0x17, 'GET PHYSICAL ELEMENT STATUS', 'control', 'r', in16),
  operation(0x9e, 0x18, 'REMOVE ELEMENT AND TRUNCATE', 'write', '-', bare16, reformat),
  operation(0x9e, 0x19, 'RESTORE ELEMENTS AND REBUILD', 'write', '-', bare16, reformat),
  operation(0x9f, 0x11, 'WRITE LONG(16)', 'write', 'w', long16, extents),
  operation(0x9f, 0x12, 'WRITE SCATTERED(16)', 'write', 'w', scattered16, { effect: 'scattered' }),

  // REBUILD(32) and XDWRITE EXTENDED went out of the standards before they met a host; LBNs where SBC-2 kept them.
  operation(0x7f, 0x01, 'REBUILD(32)', 'write', 'w', shape(32), wholeLu),
  operation(0x7f, 0x02, 'REGENERATE(32)', 'read', 'w', shape(32)),
  operation(0x7f, 0x03, 'XDREAD(32)', 'control', 'r', rw32),
  operation(0x7f, 0x04, 'XDWRITE(32)', 'write', 'w', rw32, extents),
  operation(0x7f, 0x05, 'XDWRITE EXTENDED(32)', 'write', 'w', rw32, { effect: 'wholeLu', thirdParty: true }),
  operation(0x7f, 0x06, 'XPWRITE(32)', 'write', 'w', rw32, extents),
  operation(0x7f, 0x07, 'XDWRITEREAD(32)', 'write', 'bidi', rw32, extents),
  operation(0x7f, 0x08, 'XDWRITE EXTENDED(64)', 'write', 'w', shape(64), { effect: 'wholeLu', thirdParty: true }),
  operation(0x7f, 0x09, 'READ(32)', 'read', 'r', rw32),
  operation(0x7f, 0x0a, 'VERIFY(32)', 'read', '-', rw32),
  operation(0x7f, 0x0b, 'WRITE(32)', 'write', 'w', rw32, data),
  operation(0x7f, 0x0c, 'WRITE AND VERIFY(32)', 'write', 'w', rw32, verified),
  operation(0x7f, 0x0d, 'WRITE SAME(32)', 'write', 'w', rw32, same),
  operation(0x7f, 0x0e, 'ORWRITE(32)', 'write', 'w', rw32, { effect: 'or' }),
  operation(0x7f, 0x0f, 'WRITE ATOMIC(32)', 'write', 'w', rw32, data),
  operation(0x7f, 0x10, 'WRITE STREAM(32)', 'write', 'w', rw32, data),
  operation(0x7f, 0x11, 'WRITE SCATTERED(32)', 'write', 'w', scattered32, { effect: 'scattered' }),
  operation(
    0x7f,
    0x12,
    'GET LBA STATUS(32)',
    'control',
    'r',
    shape(32, { lbnAt: 12, lbnBytes: 8, listAt: 28, listBytes: 4 }),
  ),
];

/** Zoned Block Commands (ZBC-2): no table of zones is kept here, so what empties a zone is taken as the whole LU. */
export const zoneOperations: readonly Operation[] = [
  operation(0x94, 0x01, 'CLOSE ZONE', 'control', '-', shape(16, { lbnAt: 2, lbnBytes: 8 })),
  operation(0x94, 0x02, 'FINISH ZONE', 'control', '-', shape(16, { lbnAt: 2, lbnBytes: 8 })),
  operation(0x94, 0x03, 'OPEN ZONE', 'control', '-', shape(16, { lbnAt: 2, lbnBytes: 8 })),
  operation(0x94, 0x04, 'RESET WRITE POINTER', 'write', '-', shape(16, { lbnAt: 2, lbnBytes: 8 }), wholeLu),
  operation(0x94, 0x10, 'SEQUENTIALIZE ZONE', 'write', '-', shape(16, { lbnAt: 2, lbnBytes: 8 }), wholeLu),
  operation(0x95, 0x00, 'REPORT ZONES', 'control', 'r', from16),
  operation(0x95, 0x06, 'REPORT REALMS', 'control', 'r', from16),
  operation(0x95, 0x07, 'REPORT ZONE DOMAINS', 'control', 'r', from16),
  operation(0x95, 0x08, 'ZONE ACTIVATE', 'write', 'r', from16, wholeLu),
  operation(0x95, 0x09, 'ZONE QUERY', 'control', 'r', from16),
  operation(0x9e, 0x1a, 'REMOVE ELEMENT AND MODIFY ZONES', 'write', '-', bare16, reformat),
  // Where ZBC drafts had it before ZBC OUT came to be.
  operation(0x9f, 0x14, 'RESET WRITE POINTER', 'write', '-', shape(16, { lbnAt: 2, lbnBytes: 8 }), wholeLu),
];
