import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ascTable, ascWords } from '../../../../parsers/scsi/asc.ts';
import { descriptorSenseLayout, fixedSenseLayout, informationLayout } from '../../../../parsers/scsi/sense.layout.ts';
import type { Outcome, SenseData } from '../../../../parsers/scsi/sense.ts';
import {
  isCapacityChanged,
  isPowerOn,
  outcomeOf,
  parseSense,
  senseKeyWords,
  senseWords,
  statusWords,
} from '../../../../parsers/scsi/sense.ts';
import { isParseFault } from '../../../../src/base/fault.ts';
import { hex } from './hex.ts';

function sense(text: string): SenseData {
  const bytes = hex(text);
  const data = parseSense(bytes, 0, bytes.length);
  assert.ok(!isParseFault(data));
  return data;
}

describe('B2 sense data', () => {
  it('of a real target, fixed format (SPC-4 section 4.5.3)', () => {
    // From d01 and d04: the unit attention after a login, and an LBA beyond the capacity.
    const attention = { key: 6, asc: 0x29, ascq: 0, deferred: false, information: -1 };
    assert.deepEqual(sense('700006000000000a00000000290000000000'), attention);
    const beyond = sense('700005000000000a00000000210000000000');
    assert.equal(senseWords(beyond), 'ILLEGAL REQUEST: LOGICAL BLOCK ADDRESS OUT OF RANGE (21h/00h)');
  });

  it('INFORMATION counts only with VALID (SPC-4 section 4.5.3)', () => {
    assert.equal(sense('f0 00 03 00 01 02 03 0a 00000000 11 00 00 00 0000').information, 0x010203);
    assert.equal(sense('70 00 03 00 01 02 03 0a 00000000 11 00 00 00 0000').information, -1);
  });

  it('descriptor format, with the information descriptor wherever it stands (SPC-4 section 4.5.2)', () => {
    const data = sense('72 03 11 0b 00 00 00 14 02 06 000000000000 00 0a 80 00 0000000100000002');
    assert.deepEqual(data, { key: 3, asc: 0x11, ascq: 0x0b, deferred: false, information: 0x100000002 });
    assert.equal(sense('72 03 11 0b 00 00 00 0c 00 0a 00 00 0000000100000002').information, -1);
    assert.equal(sense('72 03 11 0b 00 00 00 0c 00 0a 80 00 ffffffffffffffff').information, -1);
  });

  it('is deferred with response codes 71h and 73h (SPC-4 section 4.5.5)', () => {
    assert.equal(sense('71 00 03').deferred, true);
    assert.equal(sense('73 03').deferred, true);
  });

  it('may be short: what is missing is zero', () => {
    assert.deepEqual(sense('70 00 05'), { key: 5, asc: 0, ascq: 0, deferred: false, information: -1 });
    assert.deepEqual(sense('72 05 24'), { key: 5, asc: 0x24, ascq: 0, deferred: false, information: -1 });
    // ADDITIONAL SENSE LENGTH ends the data before the additional sense code.
    assert.equal(sense('70 00 05 00 00 00 00 04 00 00 00 00 24 00').asc, 0);
  });

  it('is refused where it is none', () => {
    for (const text of ['', '00', '7f 00 05', '70 00', '72']) {
      const bytes = hex(text);
      assert.ok(isParseFault(parseSense(bytes, 0, bytes.length)), text);
    }
  });

  it('reads like the layout, fixed format', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 18, maxLength: 40 }), fc.boolean(), (bytes, deferred) => {
        bytes[0] = (bytes[0] & 0x80) | (deferred ? 0x71 : 0x70);
        bytes[7] = Math.max(bytes[7], 6);
        const twin = fixedSenseLayout.parse(bytes);
        const { valid, key, asc, ascq } = twin;
        const expected = { key, asc, ascq, deferred, information: valid === 1 ? twin.information : -1 };
        assert.deepEqual(parseSense(bytes, 0, bytes.length), expected);
      }),
    );
  });

  it('reads like the layout, descriptor format', () => {
    const other = fc.uint8Array({ maxLength: 10 }).map((body) => [0x02, body.length, ...body]);
    const info = fc.uint8Array({ minLength: 10, maxLength: 10 }).map((body) => [0x00, 0x0a, ...body]);
    const list = fc.array(fc.oneof(other, info), { maxLength: 5 });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 3, maxLength: 3 }), list, ([key, asc, ascq], descriptors) => {
        const body = descriptors.flat();
        const bytes = Uint8Array.from([0x72, key, asc, ascq, 0, 0, 0, body.length, ...body]);
        const twin = descriptorSenseLayout.parse(bytes);
        const found = twin.descriptors.find((one: { type: number }) => one.type === 0);
        const first = found && informationLayout.parse(found.body);
        const usable = first?.valid === 1 && first.value <= BigInt(Number.MAX_SAFE_INTEGER);
        const data = parseSense(bytes, 0, bytes.length);
        assert.ok(!isParseFault(data));
        assert.deepEqual([data.key, data.asc, data.ascq], [twin.key, twin.asc, twin.ascq]);
        assert.equal(data.information, usable ? Number(first.value) : -1);
      }),
    );
  });

  it('never throws (H5)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0x70, 0x71, 0x72, 0x73, 0x00), (bytes, code) => {
        if (bytes.length > 0) bytes[0] = code;
        const data = parseSense(bytes, 0, bytes.length);
        if (!isParseFault(data)) assert.ok(data.key <= 15 && Number.isSafeInteger(data.information));
      }),
    );
  });
});

describe('B2 what a status proves about the medium', () => {
  const check = (key: number, asc = 0, ascq = 0): Outcome => outcomeOf(0x02, { key, asc, ascq });

  it('GOOD is done, and so is success by another name (SAM-5 section 5.3.1)', () => {
    for (const status of [0x00, 0x04, 0x10, 0x14]) assert.equal(outcomeOf(status, undefined), 'done');
  });

  it('BUSY, TASK SET FULL, RESERVATION CONFLICT and ACA ACTIVE change nothing', () => {
    for (const status of [0x08, 0x28, 0x18, 0x30]) assert.equal(outcomeOf(status, undefined), 'unchanged');
  });

  it('CHECK CONDITION changes nothing with five keys and is in doubt with any other', () => {
    const unchanged = new Set([0x2, 0x5, 0x6, 0x7, 0xe]);
    for (let key = 0; key < 16; key += 1)
      assert.equal(check(key), unchanged.has(key) ? 'unchanged' : 'doubt', `${key}`);
  });

  it('CHECK CONDITION without sense is in doubt', () => {
    assert.equal(outcomeOf(0x02, undefined), 'doubt');
  });

  it('27h/07h, out of space, may have written a part', () => {
    assert.equal(check(0x7, 0x27, 0x07), 'doubt');
    assert.equal(check(0x7, 0x27, 0x00), 'unchanged');
  });

  it('a deferred error is about another command (SPC-4 section 4.5.5)', () => {
    assert.equal(outcomeOf(0x02, { key: 5, asc: 0x24, ascq: 0, deferred: true }), 'doubt');
    assert.equal(outcomeOf(0x02, { key: 5, asc: 0x24, ascq: 0, deferred: false }), 'unchanged');
  });

  it('TASK ABORTED, COMMAND TERMINATED, no status and unknown ones are in doubt', () => {
    for (const status of [0x40, 0x22, -1, 0xff, 0x06]) assert.equal(outcomeOf(status, undefined), 'doubt');
  });
});

describe('B2b unit attentions that matter', () => {
  it('power on is 29h/00h and 29h/01h alone', () => {
    for (let ascq = 0; ascq < 8; ascq += 1) assert.equal(isPowerOn({ key: 6, asc: 0x29, ascq }), ascq < 2);
    assert.equal(isPowerOn({ key: 5, asc: 0x29, ascq: 0 }), false);
    assert.equal(isPowerOn({ key: 6, asc: 0x2a, ascq: 0 }), false);
  });

  it('a changed capacity is 2Ah/09h', () => {
    assert.equal(isCapacityChanged({ key: 6, asc: 0x2a, ascq: 0x09 }), true);
    assert.equal(isCapacityChanged({ key: 6, asc: 0x2a, ascq: 0x01 }), false);
    assert.equal(isCapacityChanged({ key: 2, asc: 0x2a, ascq: 0x09 }), false);
  });
});

describe('H2 sense and status in words', () => {
  it("has a table worth its name, each code once, each text the standard's way", () => {
    assert.ok(ascTable().size >= 150);
    for (const text of ascTable().values()) assert.match(text, /^[A-Z0-9][A-Z0-9 ,.&/()_-]+$/);
  });

  it('knows the codes an administrator meets', () => {
    assert.equal(ascWords(0x29, 0x00), 'POWER ON, RESET, OR BUS DEVICE RESET OCCURRED');
    assert.equal(ascWords(0x27, 0x07), 'SPACE ALLOCATION FAILED WRITE PROTECT');
    assert.equal(ascWords(0x3f, 0x0e), 'REPORTED LUNS DATA HAS CHANGED');
    assert.equal(ascWords(0x1d, 0x00), 'MISCOMPARE DURING VERIFY OPERATION');
  });

  it("names families and vendors' codes, and leaves what it does not know as numbers", () => {
    assert.equal(ascWords(0x40, 0x85), 'DIAGNOSTIC FAILURE ON COMPONENT');
    assert.equal(ascWords(0x80, 0x00), 'VENDOR SPECIFIC');
    assert.equal(senseWords({ key: 3, asc: 0x7e, ascq: 0x01 }), 'MEDIUM ERROR (7Eh/01h)');
    assert.equal(senseKeyWords(0xe), 'MISCOMPARE');
  });

  it('names every status', () => {
    const names = [0x00, 0x02, 0x08, 0x18, 0x28, 0x40, 0x77, -1].map(statusWords);
    const known = ['GOOD', 'CHECK CONDITION', 'BUSY', 'RESERVATION CONFLICT', 'TASK SET FULL', 'TASK ABORTED'];
    assert.deepEqual(names, [...known, 'STATUS 77h', 'no status']);
  });
});
