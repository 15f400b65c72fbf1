import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Designator } from '../../../../parsers/scsi/designator.ts';
import { designatorWords, globallyUnique, parseDesignators } from '../../../../parsers/scsi/designator.ts';
import { designatorsLayout } from '../../../../parsers/scsi/inquiry.layout.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { hex } from './hex.ts';

function designator(type: number, bytes: Uint8Array, codeSet = 1, association = 0): Designator {
  return { type, codeSet, association, bytes };
}

const binary = (type: number, text: string, association = 0): Designator => designator(type, hex(text), 1, association);
const text = (type: number, words: string, codeSet = 3): Designator => designator(type, Buffer.from(words), codeSet);

/** VPD page 83h of a real target (d01), and the first 64 bytes of it as another host asked for them. */
const real = hex(
  '00830048 02010024 4945542020202020 30303031303030310000000000000000000000000000000000000000' +
    '01030008 3000000100000001 01030010 60000000000000000e00000000010001',
);

describe('A9 the LU by its VPD page 83h', () => {
  it('of a real target (SPC-5 section 7.7.6)', () => {
    const designators = parseDesignators(real, 0, real.length);
    assert.ok(!isParseFault(designators));
    const words = ['t10.IET     00010001', 'naa.3000000100000001', 'naa.60000000000000000e00000000010001'];
    assert.deepEqual(designators.map(designatorWords), words);
    // A vendor's text, a local NAA, and one that any such target on any machine counts up from zero.
    assert.deepEqual(designators.map(globallyUnique), [false, false, false]);
  });

  it('cut off by the allocation length gives the designators that are whole', () => {
    const designators = parseDesignators(real, 0, 64);
    assert.ok(!isParseFault(designators));
    assert.deepEqual(
      designators.map(({ type }) => type),
      [1, 3],
    );
  });

  it('keeps its own bytes: the page may be overwritten', () => {
    const bytes = Uint8Array.from(real);
    const designators = parseDesignators(bytes, 0, bytes.length);
    bytes.fill(0);
    assert.ok(!isParseFault(designators));
    assert.equal(designatorWords(designators[1]), 'naa.3000000100000001');
  });

  it('in words', () => {
    assert.equal(designatorWords(binary(2, '0011223344556677')), 'eui.0011223344556677');
    assert.equal(
      designatorWords(text(8, 'iqn.2001-04.com.example:disk,L,0x0001\0\0\0')),
      'name.iqn.2001-04.com.example:disk,L,0x0001',
    );
    const uuid = binary(0x0a, '1000 00112233445566778899aabbccddeeff');
    assert.equal(designatorWords(uuid), 'uuid.00112233-4455-6677-8899-aabbccddeeff');
    assert.equal(designatorWords(binary(4, '00000001', 1)), 'relative-port.00000001');
    assert.equal(designatorWords(binary(0x0f, 'ab')), 'type15.ab');
    assert.equal(designatorWords(text(1, 'A\u001b[2J', 2)), 't10.A?[2J');
  });

  it('is globally unique by EUI-64, NAA 2, 5 and 6, SCSI name and UUID', () => {
    const unique = [
      binary(2, '0022480011223344'),
      binary(2, '0022480011223344aabbccdd'),
      binary(2, '00112233445566770022480011223344'),
      binary(3, '2123002248001122'),
      binary(3, '5002248000000001'),
      binary(3, '60014051234567890abcdef012345678'),
      text(8, 'naa.60014051234567890ABCDEF012345678'),
      text(8, 'eui.0022480011223344'),
      text(8, 'iqn.2001-04.com.example:disk,L,0x0001'),
      binary(0x0a, '1000 00112233445566778899aabbccddeeff'),
    ];
    for (const one of unique) assert.equal(globallyUnique(one), true, designatorWords(one));
  });

  it('is not globally unique by anything else', () => {
    const common = [
      text(1, 'IET     00010001', 2),
      binary(0, '0022480011223344'),
      binary(3, '3000000100000001'),
      binary(3, '4002248000000001'),
      binary(3, '5002248000000001', 1), // of a target port
      binary(3, '5002248000000001', 2), // of a target device
      binary(3, '50022480000000'), // too short
      binary(3, '6000000000000000000e000000010001'), // company id 0
      binary(3, '2123000000001122'),
      binary(2, '0000000011223344'),
      binary(2, '00224800'),
      text(8, 'naa.3000000100000001'),
      text(8, 'naa.xyz'),
      text(8, 'eui.00'),
      text(8, 'anything'),
      binary(0x0a, '1000 00000000000000000000000000000000'),
      binary(7, '00112233445566778899aabbccddeeff'), // MD5 of other designators
    ];
    for (const one of common) assert.equal(globallyUnique(one), false, designatorWords(one));
  });

  it('reads like the layout', () => {
    const one = fc
      .tuple(fc.nat(255), fc.nat(255), fc.uint8Array({ maxLength: 20 }))
      .map(([first, second, body]) => [first, second, 0, body.length, ...body]);
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (list) => {
        const body = list.flat();
        const bytes = Uint8Array.from([0, 0x83, body.length >> 8, body.length & 0xff, ...body]);
        const twin = designatorsLayout.parse(Buffer.from(bytes)).designators.map((entry: Designator) => ({
          association: entry.association,
          type: entry.type,
          codeSet: entry.codeSet,
          bytes: Uint8Array.from(entry.bytes),
        }));
        assert.deepEqual(parseDesignators(bytes, 0, bytes.length), twin);
      }),
    );
  });

  it('never throws, whatever the page holds (H5)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        if (bytes.length > 1) bytes[1] = 0x83;
        const designators = parseDesignators(bytes, 0, bytes.length);
        if (isParseFault(designators)) return;
        for (const entry of designators) {
          assert.equal(typeof designatorWords(entry), 'string');
          assert.equal(typeof globallyUnique(entry), 'boolean');
        }
      }),
      { numRuns: 500 },
    );
  });
});
