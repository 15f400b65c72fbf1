import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type LuNames, luNamesText, readLuNames } from '../../../../parsers/formats/luNames.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

const ascii = (max: number) => fc.string({ unit: fc.constantFrom(...'AZ az09-_"\\\\'), maxLength: max });
const designator = fc.record(
  {
    association: fc.constant(0),
    type: fc.integer({ min: 0, max: 15 }),
    codeSet: fc.integer({ min: 0, max: 15 }),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 255 }),
  },
  { noNullPrototype: true },
);
const names: fc.Arbitrary<LuNames> = fc.record(
  {
    vendor: ascii(8),
    product: ascii(16),
    revision: ascii(4),
    serial: ascii(255),
    designators: fc.array(designator, { maxLength: 12 }),
  },
  { requiredKeys: ['vendor', 'product', 'revision', 'designators'], noNullPrototype: true },
);

describe('A5 what hosts know a disk by, as it is kept', () => {
  it('reads back as it was written', () => {
    fc.assert(fc.property(names, (one) => assert.deepEqual(readLuNames(luNamesText(one)), one)));
  });

  it('is refused where it is anything else', () => {
    const good = luNamesText({ vendor: 'V', product: 'P', revision: '1', designators: [] });
    assert.ok(!isParseFault(readLuNames(good)));
    const refused = [
      '',
      'null',
      '[]',
      '"x"',
      good.slice(0, -1),
      good.replace('"version":1', '"version":2'),
      good.replace('"V"', '"much too long"'),
      good.replace('"V"', '"\\u0000"'),
      good.replace('"V"', '7'),
      good.replace('[]', '{}'),
      good.replace('[]', '[null]'),
      good.replace('[]', '[{"type":3,"codeSet":1,"hex":"zz"}]'),
      good.replace('[]', '[{"type":3,"codeSet":1,"hex":""}]'),
      good.replace('[]', '[{"type":16,"codeSet":1,"hex":"00"}]'),
      good.replace('[]', `[${Array(65).fill('{"type":3,"codeSet":1,"hex":"00"}').join()}]`),
    ];
    for (const text of refused) assert.ok(isParseFault(readLuNames(text)), text);
  });

  it('takes any text without throwing', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readLuNames(text)));
  });
});
