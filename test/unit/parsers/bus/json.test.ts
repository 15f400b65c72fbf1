import assert from 'node:assert/strict';
import fc from 'fast-check';
import { JsonReader } from '../../../../parsers/bus/json.ts';
import { readAll } from './record.ts';

function read(text: string, cuts: readonly number[] = []) {
  const reader = new JsonReader();
  const record = readAll(reader, Buffer.from(text, 'latin1'), cuts);
  return { ...record, fault: reader.fault };
}

const row = (id: number, time: number, data: number): string =>
  `{"id": "${id}", "timestamp":"0x${time.toString(16).padStart(14, '0')}", "data":"0x${(data >>> 0).toString(16).padStart(6, '0')}"}`;
const list = (...rows: string[]): string => `[\n${rows.join(',\n')}\n]\n`;

describe("A4 scsimon's JSON", () => {
  it('is 8 bits wide with parity, and not timed', () => {
    assert.deepEqual(read(list()).facts, [{ width: 8, parity: true, timed: false }]);
  });

  it('takes each line from its bit of the GPIO word, and leaves the others out', () => {
    // ATN, RST, ACK, REQ, MSG, C/D, I/O, BSY, SEL as bits of our control word.
    const wanted = [7, 8, 6, 5, 4, 2, 3, 0, 1];
    for (const [n, bit] of wanted.entries()) {
      const { events } = read(list(row(0, 1, (1 << (19 + n)) | 0xf00003ff)));
      assert.deepEqual(events, [`1 ${(1 << bit).toString(2)} 0 0`]);
    }
    assert.deepEqual(read(list(row(0, 1, (0xa5 << 10) | (1 << 18)))).events, ['1 0 a5 1']);
  });

  it('goes by position: order, times that do not grow and ids that repeat are no matter', () => {
    const { events } = read(list(row(5, 9, 0x400), row(6, 9, 0x800), row(6, 3, 0xc00), row(2, 12, 0x400)));
    assert.deepEqual(events, ['9 0 1 0', '9 0 2 0', '9 0 3 0', '12 0 1 0']);
  });

  it('passes over records in which no line of the bus moved, but for the last', () => {
    const { events } = read(list(row(0, 1, 0x400), row(1, 2, 0x4001d0), row(2, 3, 0x4003d0), row(3, 4, 0x4001d0)));
    assert.deepEqual(events, ['1 0 1 0', '2 100000 0 0', '4 100000 0 0']);
  });

  it('makes a hole where ids say that records are left out', () => {
    const { events } = read(list(row(0, 1, 0x400), row(4, 8, 0x400), row(5, 9, 0x800)));
    assert.deepEqual(events, ['1 0 1 0', 'hole 1-8 records that are left out', '8 0 1 0', '9 0 2 0']);
  });

  it('makes a hole of a record that cannot be read', () => {
    for (const bad of [
      row(1, 2, 0x800).replace('"data"', '"dat'),
      row(1, 2, 0x800).replace('0x000800', '0x00g800'),
      row(1, 2, 0x800).replace('"timestamp"', '"time"'),
      row(1, 2, 0x800).replace('{', '('),
      '{"id": "1"}',
      '{"id": ["1"]}',
      row(1, 2, 0x800).replace('0x000800', '0x'.padEnd(60, '0')),
    ]) {
      const { events, notices } = read(list(row(0, 1, 0x400), bad, row(2, 3, 0xc00), row(3, 5, 0x400)));
      assert.deepEqual(events, ['1 0 1 0', 'hole 1-3 a record that cannot be read', '3 0 3 0', '5 0 1 0'], bad);
      assert.match(notices.join(), /1 records of the trace could not be read/);
    }
  });

  it('takes numbers without quotes, other keys, and keys in any order', () => {
    const { events, fault } = read(
      '[{"data":"1000000400","more":true,"timestamp":7, "id":0},{"timestamp":"8","data":"0x800"}]',
    );
    assert.deepEqual(events, ['7 0 1 0', '8 0 2 0']);
    assert.equal(fault, undefined);
  });

  it('is used as far as it goes where it is cut', () => {
    const text = list(row(0, 1, 0x400), row(1, 2, 0x800), row(2, 3, 0xc00));
    const { events, fault } = read(text.slice(0, text.length - 20));
    assert.deepEqual(events, ['1 0 1 0', '2 0 2 0']);
    assert.match(fault?.reason ?? '', /ends inside the list/);
  });

  it('refuses what is no list', () => {
    const { fault, facts } = read('  {"id": 1}');
    assert.deepEqual({ offset: fault?.offset, facts }, { offset: 2, facts: [] });
  });

  it('gives the same whatever the pieces, and a value or a fault for any bytes', () => {
    const rows = fc.array(fc.tuple(fc.nat(500), fc.nat(2 ** 28)), { maxLength: 8 });
    fc.assert(
      fc.property(
        rows,
        fc.array(fc.nat(800), { maxLength: 12 }),
        fc.array(fc.tuple(fc.nat(800), fc.integer({ min: 0, max: 127 })), { maxLength: 3 }),
        (samples, cuts, hits) => {
          const bytes = Buffer.from(list(...samples.map(([time, data], id) => row(id, time, data))), 'latin1');
          for (const [at, value] of hits) if (at < bytes.length) bytes[at] = value;
          const text = bytes.toString('latin1');
          const whole = read(text);
          assert.deepEqual(read(text, cuts), whole);
          if (hits.length === 0) assert.equal(whole.fault, undefined);
        },
      ),
      { numRuns: 300 },
    );
  });
});
