import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TOO_LARGE } from '../../../../parsers/bytes.ts';
import { parseCopyList } from '../../../../parsers/scsi/copyList.ts';
import { parseSense } from '../../../../parsers/scsi/sense.ts';
import { descriptorSense, fixedSense } from '../../../../parsers/scsi/senseBuild.ts';
import { parseTransportId, transportIdBytes, transportIdLength } from '../../../../parsers/scsi/transportId.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import { isParseFault } from '../../../../src/base/fault.ts';

describe('sense data that is built (SPC-5 4.4)', () => {
  it('has the bytes of the standard', () => {
    const pointer = { inCdb: false, byte: 0x102, bit: 5 };
    const fixed = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x26, 0, 0, 0x8d, 0x01, 0x02];
    assert.deepEqual([...fixedSense({ key: 5, code: 0x2600, pointer })], fixed);
    const described = [0x72, 5, 0x26, 0, 0, 0, 0, 8, 0x02, 0x06, 0, 0, 0x8d, 0x01, 0x02, 0];
    assert.deepEqual([...descriptorSense({ key: 5, code: 0x2600, pointer })], described);
    const progress = fixedSense({ key: 2, code: 0x041b, progress: 0x8001 });
    assert.deepEqual([...progress.subarray(15)], [0x80, 0x80, 0x01]);
  });

  it('is read as what it was built of', () => {
    fc.assert(
      fc.property(
        fc.nat(15),
        fc.nat(0xffff),
        fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER })),
        (key, code, value) => {
          const fields = value === null ? { key, code } : { key, code, information: value };
          for (const build of [fixedSense, descriptorSense]) {
            const bytes = build(fields);
            const read = parseSense(bytes, 0, bytes.length);
            assert.ok(!isParseFault(read));
            // Four bytes hold no more in the fixed format.
            const fits = value !== null && (build === descriptorSense || value <= 0xffffffff);
            assert.deepEqual(
              [read.key, read.asc * 256 + read.ascq, read.deferred, read.information],
              [key, code, false, fits ? value : -1],
            );
          }
        },
      ),
    );
  });
});

describe('iSCSI TransportIDs (SPC-5 7.6.4.6)', () => {
  it('name an initiator port, padded to whole words', () => {
    for (const initiator of ['iqn.2026-01.example:a', 'iqn.2026-01.example:ab', 'iqn.2026-01.example:abcd', 'eui.1']) {
      const bytes = transportIdBytes(`${initiator},i,0x00023d000001`);
      assert.deepEqual([bytes[0], bytes[1], bytes.length % 4], [0x45, 0, 0]);
      assert.equal(bytes[2] * 256 + bytes[3], bytes.length - 4);
      assert.equal(bytes.at(-1), 0);
      assert.equal(transportIdLength(bytes, 0, bytes.length), bytes.length);
      assert.equal(transportIdLength(bytes, 0, bytes.length - 1), 0);
      const read = parseTransportId(bytes, 0, bytes.length);
      assert.deepEqual(read, { initiator, initiatorPort: `${initiator},i,0x00023d000001` });
    }
  });

  it('have their ISID in one form', () => {
    const bytes = transportIdBytes('iqn.2026-01.example:a,i,0x23D000001');
    const read = parseTransportId(bytes, 0, bytes.length);
    assert.ok(!isParseFault(read));
    assert.equal(read.initiatorPort, 'iqn.2026-01.example:a,i,0x00023d000001');
  });

  it('may name the initiator alone', () => {
    const bytes = transportIdBytes('iqn.2026-01.example:abc');
    bytes[0] = 0x05;
    assert.deepEqual(parseTransportId(bytes, 0, bytes.length), {
      initiator: 'iqn.2026-01.example:abc',
      initiatorPort: undefined,
    });
  });

  it('are refused where they are of another protocol, format or form', () => {
    const good = transportIdBytes('iqn.2026-01.example:a,i,0x00023d000001');
    const changes: [number, number][] = [
      [0, 0x46],
      [0, 0x85],
    ];
    for (const [at, value] of changes) {
      const bytes = copyOf(good);
      bytes[at] = value;
      assert.ok(isParseFault(parseTransportId(bytes, 0, bytes.length)));
    }
    assert.ok(isParseFault(parseTransportId(good, 0, good.length - 2)));
    const endless = copyOf(good);
    endless.fill(0x61, 4);
    assert.ok(isParseFault(parseTransportId(endless, 0, endless.length)));
    const bare = transportIdBytes('iqn.2026-01.example:abcdefgh');
    assert.ok(isParseFault(parseTransportId(bare, 0, bare.length)));
  });

  it('never throw, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 64 }), (bytes) => {
        const length = transportIdLength(bytes, 0, bytes.length);
        assert.ok(length === 0 || length <= bytes.length);
        if (length > 0) parseTransportId(bytes, 0, length);
      }),
    );
  });
});

describe('EXTENDED COPY lists (SPC-5 6.5)', () => {
  it('are parties and segments, or a fault, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(4), fc.nat(80), (bytes, parties, segments) => {
        if (bytes.length > 12) {
          bytes.set([0, parties * 32], 2);
          bytes.set([0, 0, 0, segments], 8);
        }
        const list = parseCopyList(bytes);
        if (isParseFault(list)) return;
        assert.equal(list.parties.length * 32, bytes[2] * 256 + bytes[3]);
        for (const segment of list.segments) {
          assert.ok(segment.type === 2 || segment.sourceLbn === TOO_LARGE);
        }
      }),
    );
  });
});
