import { Parser } from 'binary-parser';

/** The fixed part of a record's header page (`recordHeader.ts`); the names follow it. */
export const recordHeaderLayout = new Parser()
  .endianness('big')
  .string('magic', { length: 8, encoding: 'latin1' })
  .uint16('version')
  .bit13('reserved')
  .bit1('looking')
  .bit1('synced')
  .bit1('clean')
  .uint32('generation')
  .uint32('chunkBytes')
  .uint32('zeros')
  .uint64('bytes')
  .buffer('bootId', { length: 16 })
  .uint16('luLength')
  .uint16('mirrorIdLength')
  .uint16('firstIdLength')
  .buffer('names', { length: 4038 })
  .uint32le('crc');

/** A bitmap page (`recordPage.ts`). */
export const recordPageLayout = new Parser()
  .endianness('big')
  .string('magic', { length: 4, encoding: 'latin1' })
  .uint32('index')
  .uint32('generation')
  .uint32('zeros')
  .buffer('bits', { length: 4076 })
  .uint32le('crc');
