import assert from 'node:assert/strict';
import fc from 'fast-check';
import { recordHeaderLayout, recordPageLayout } from '../../../../parsers/formats/record.layout.ts';
import {
  bitmapPages,
  headerPage,
  RECORD_CHUNKS_MAX,
  RECORD_NAME_MAX,
  type RecordHeader,
  readHeaderPage,
} from '../../../../parsers/formats/recordHeader.ts';
import {
  flipPageBit,
  initBitmapPage,
  PAGE_BITS_AT,
  RECORD_PAGE_BITS,
  RECORD_PAGE_BYTES,
  readBitmapPage,
  sealPage,
} from '../../../../parsers/formats/recordPage.ts';
import { crc32c } from '../../../../parsers/iscsi/crc32c.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const name = fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => Buffer.byteLength(text) <= RECORD_NAME_MAX);
const headers: fc.Arbitrary<RecordHeader> = fc
  .record({
    generation: fc.nat(0xffffffff),
    chunkBytes: fc.integer({ min: 9, max: 31 }).map((n) => 2 ** n),
    clean: fc.boolean(),
    synced: fc.boolean(),
    looking: fc.boolean(),
    bootId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    lu: name,
    mirrorId: fc.option(name, { nil: undefined }),
    firstId: fc.option(name, { nil: undefined }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...header }) => ({
    ...header,
    bytes: Math.min(Math.floor(share * header.chunkBytes * RECORD_CHUNKS_MAX), Number.MAX_SAFE_INTEGER),
  }));

const reason = (value: unknown): string => (isParseFault(value) ? value.reason : 'no fault');

describe('record header page', () => {
  it('reads what it wrote', () =>
    fc.assert(
      fc.property(headers, (header) => {
        const page = headerPage(header);
        assert.equal(page.length, RECORD_PAGE_BYTES);
        assert.deepEqual(readHeaderPage(page), header);
      }),
    ));

  it('lies as the layout says', () =>
    fc.assert(
      fc.property(headers, (header) => {
        const page = headerPage(header);
        const { bootId, names, ...twin } = recordHeaderLayout.parse(page);
        const text = (value: string | undefined) => Buffer.from(value ?? '');
        const all = Buffer.concat([text(header.lu), text(header.mirrorId), text(header.firstId)]);
        assert.deepEqual(twin, {
          magic: 'tmrecord',
          version: 1,
          reserved: 0,
          looking: Number(header.looking),
          synced: Number(header.synced),
          clean: Number(header.clean),
          generation: header.generation,
          chunkBytes: header.chunkBytes,
          zeros: 0,
          bytes: BigInt(header.bytes),
          luLength: Buffer.byteLength(header.lu),
          mirrorIdLength: header.mirrorId === undefined ? 0xffff : Buffer.byteLength(header.mirrorId),
          firstIdLength: header.firstId === undefined ? 0xffff : Buffer.byteLength(header.firstId),
          crc: crc32c(page, 0, 4092),
        });
        assert.deepEqual(new Uint8Array(bootId), header.bootId);
        assert.equal(Buffer.compare(names, Buffer.concat([all, Buffer.alloc(4038 - all.length)])), 0);
      }),
      { numRuns: 30 },
    ));

  it('refuses every page with one byte changed, and every cut one', () =>
    fc.assert(
      fc.property(headers, fc.nat(RECORD_PAGE_BYTES - 1), fc.integer({ min: 1, max: 255 }), (header, at, change) => {
        const page = headerPage(header);
        assert.ok(isParseFault(readHeaderPage(page.subarray(0, at))));
        page[at] ^= change;
        assert.ok(isParseFault(readHeaderPage(page)));
      }),
    ));

  it('refuses what it cannot mean, although the checksum is right', () => {
    const good = fc.sample(headers, { numRuns: 1, seed: 1 })[0];
    const bare = { ...good, lu: 'x', mirrorId: undefined, firstId: undefined };
    const changed = (change: (page: Uint8Array) => void, header = good): string => {
      const page = headerPage(header);
      change(page);
      sealPage(page);
      return reason(readHeaderPage(page));
    };
    assert.equal(
      changed((page) => void page.set([2], 9)),
      'version 2, not 1',
    );
    assert.equal(
      changed((page) => void page.set([0, 0, 0x30, 0], 16)),
      'chunks of 12288 bytes',
    );
    assert.equal(
      changed((page) => void page.set([0, 0, 1, 0], 16)),
      'chunks of 256 bytes',
    );
    assert.equal(
      changed((page) => void page.set([0, 0x20, 0, 0, 0, 0, 0, 0], 24)),
      'a volume longer than 2^53-1 bytes',
    );
    assert.match(
      changed((page) => void page.set([0, 1], 24), { ...good, chunkBytes: 512, bytes: 0 }),
      /a volume of \d+ chunks/,
    );
    assert.equal(
      changed((page) => void page.set([0x04, 0x01], 50)),
      'a name of 1025 bytes',
    );
    assert.equal(
      changed((page) => void page.set([0xff, 0xff], 48), bare),
      'no LU',
    );
    assert.equal(
      changed((page) => void page.set([0xff], 54), bare),
      'a name that is not UTF-8',
    );
    assert.throws(() => headerPage({ ...good, lu: 'x'.repeat(RECORD_NAME_MAX + 1) }), /1025 bytes/);
  });

  it('survives any bytes', () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 200 }), (bytes) => {
        const page = headerPage({ ...fc.sample(headers, { numRuns: 1, seed: 1 })[0] });
        page.set(bytes, 8);
        sealPage(page);
        readHeaderPage(page);
      }),
    ));
});

describe('record bitmap page', () => {
  const page = (index = 3, generation = 9): Uint8Array => {
    const bytes = new Uint8Array(RECORD_PAGE_BYTES).fill(0xee);
    initBitmapPage(bytes, index, generation);
    return bytes;
  };

  it('keeps its checksum right while single bits are turned round', () =>
    fc.assert(
      fc.property(fc.array(fc.nat(RECORD_PAGE_BITS - 1), { maxLength: 50 }), (bits) => {
        const flipped = page();
        const model = new Set<number>();
        for (const bit of [0, RECORD_PAGE_BITS - 1, ...bits]) {
          flipPageBit(flipped, bit);
          if (!model.delete(bit)) model.add(bit);
        }
        const sealed = page();
        for (const bit of model) sealed[PAGE_BITS_AT + (bit >> 3)] |= 1 << (bit & 7);
        sealPage(sealed);
        assert.equal(Buffer.compare(flipped, sealed), 0);
        const read = readBitmapPage(flipped, 3, 9);
        assert.ok(!isParseFault(read));
        for (const bit of model) assert.ok(read[bit >> 3] & (1 << (bit & 7)));
      }),
    ));

  it('lies as the layout says', () => {
    const bytes = page(7, 0x01020304);
    flipPageBit(bytes, 9);
    const { bits, ...twin } = recordPageLayout.parse(bytes);
    assert.deepEqual(twin, {
      magic: 'tmrp',
      index: 7,
      generation: 0x01020304,
      zeros: 0,
      crc: crc32c(bytes, 0, 4092),
    });
    assert.equal(bits[1], 2);
  });

  it('tells a torn page, a damaged one, one of another place and one of another generation', () => {
    const old = page();
    const torn = page();
    flipPageBit(torn, 20_000);
    // The sectors that reached the medium are the new ones up to the middle of the page.
    for (const cut of [512, 2048, 3584]) {
      const mixed = Uint8Array.from([...torn.subarray(0, cut), ...old.subarray(cut)]);
      if (Buffer.compare(mixed, old) === 0) continue;
      assert.match(reason(readBitmapPage(mixed, 3, 9)), /torn or damaged/);
    }
    const damaged = page();
    damaged[100] ^= 4;
    assert.match(reason(readBitmapPage(damaged, 3, 9)), /torn or damaged/);
    assert.equal(reason(readBitmapPage(page(2), 3, 9)), 'page 2 stands where page 3 belongs');
    assert.equal(reason(readBitmapPage(page(3, 8), 3, 9)), 'of generation 8, not 9');
    assert.equal(reason(readBitmapPage(new Uint8Array(RECORD_PAGE_BYTES), 3, 9)), 'not a bitmap page');
    assert.equal(reason(readBitmapPage(page().subarray(1), 3, 9)), 'the page is cut');
  });

  it('holds 4 MiB of bits in little more than that', () => {
    assert.equal(bitmapPages(0), 0);
    assert.equal(bitmapPages(1), 1);
    assert.equal(bitmapPages(RECORD_PAGE_BITS + 1), 2);
    assert.equal(bitmapPages(RECORD_CHUNKS_MAX), 1030);
  });
});
