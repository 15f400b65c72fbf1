import assert from 'node:assert/strict';
import { parseCapacity16 } from '../../../parsers/scsi/capacity.ts';
import { designatorWords, parseDesignators } from '../../../parsers/scsi/designator.ts';
import { isParseFault } from '../../../src/base/fault.ts';
import { Bench, be, type Host, NAA, type Options, TARGET } from './host.ts';

const inquiry = (page?: number, length = 255) => [0x12, page === undefined ? 0 : 1, page ?? 0, ...be(length, 2), 0];

function vpd(page: number, options: Options = {}): Buffer {
  const { data, status } = new Bench(options).host().send(inquiry(page, 4096));
  assert.equal(status, 0);
  const bytes = Buffer.from(data);
  assert.deepEqual([bytes[0], bytes[1], bytes.readUInt16BE(2)], [0, page, bytes.length - 4]);
  return bytes;
}

describe('INQUIRY (SPC-5 6.7)', () => {
  it('introduces a disk', () => {
    const data = Buffer.from(new Bench().host().send(inquiry()).data);
    assert.equal(data.length, 96);
    // Connected disk, not removable, SPC-4, response format 2 with HISUP, 91 bytes more, 3PC, CMDQUE.
    assert.deepEqual([...data.subarray(0, 8)], [0x00, 0x00, 0x06, 0x12, 91, 0x08, 0x00, 0x02]);
    assert.equal(data.toString('latin1', 8, 36), 'TAPMIRR VOLUME          0001');
    const versions = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => data.readUInt16BE(58 + i * 2));
    for (const version of [0x0960, 0x0460, 0x04c0, 0x05c0, 0x0600]) assert.ok(versions.includes(version));
    assert.equal(new Bench({ removable: true }).host().send(inquiry()).data[1], 0x80);
  });

  it('is cut at the allocation length', () => {
    const host = new Bench().host();
    for (const length of [0, 5, 36, 96, 4096]) {
      assert.equal(host.send(inquiry(undefined, length)).data.length, Math.min(length, 96));
    }
  });

  it('refuses pages that are not there, a page without EVPD, and CMDDT', () => {
    const host = new Bench().host();
    for (const cdb of [inquiry(0xc0), [0x12, 0, 0x80, 0, 255, 0], [0x12, 2, 0, 0, 255, 0]]) {
      const result = host.send(cdb);
      assert.deepEqual([result.status, result.key, result.code], [2, 5, 0x2400]);
    }
  });

  it('lists its pages, and has each', () => {
    const pages = [...vpd(0x00).subarray(4)];
    assert.deepEqual(pages, [0x00, 0x80, 0x83, 0x86, 0x87, 0x8f, 0xb0, 0xb1, 0xb2]);
    for (const page of pages) vpd(page);
  });

  it('names itself', () => {
    assert.equal(vpd(0x80).toString('latin1', 4), 'SERIAL-0');
    const page = vpd(0x83);
    const designators = parseDesignators(page, 0, page.length);
    assert.ok(!isParseFault(designators));
    assert.deepEqual(designators.map(designatorWords), [
      `naa.${NAA}`,
      't10.TAPMIRR SERIAL-0',
      'relative-port.00000001',
      `name.${TARGET},t,0x0001`,
      `name.${TARGET}`,
    ]);
    assert.deepEqual(
      designators.map(({ association }) => association),
      [0, 0, 1, 1, 2],
    );
  });

  it('bears the names of another, of any length and kind', () => {
    const text = `IET     ${'0001'.repeat(20)}`;
    const designators = [
      { association: 0, type: 1, codeSet: 2, bytes: new TextEncoder().encode(text) },
      { association: 0, type: 2, codeSet: 1, bytes: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7) },
    ];
    const identity = {
      vendor: 'IET',
      product: 'DISK',
      revision: '0001',
      serial: '      beaf11',
      naa: NAA,
      designators,
    };
    assert.equal(vpd(0x80, { identity }).toString('latin1', 4), '      beaf11');
    const page = vpd(0x83, { identity });
    const told = parseDesignators(page, 0, page.length);
    assert.ok(!isParseFault(told));
    assert.deepEqual(told.map(designatorWords), [
      `t10.${text}`,
      'eui.0001020304050607',
      'relative-port.00000001',
      `name.${TARGET},t,0x0001`,
      `name.${TARGET}`,
    ]);
    assert.equal(vpd(0x83, { identity: { ...identity, designators: [] } })[4 + 1], 0x94);
  });

  it('tells its limits', () => {
    const page = vpd(0xb0, { thin: true, transferBytesMax: 0x100000, unmapGranularity: 8 });
    assert.equal(page.length, 64);
    assert.equal(page[5], 255);
    assert.equal(page.readUInt32BE(8), 2048);
    assert.equal(page.readUInt16BE(6), 1);
    assert.equal(vpd(0xb0, { physicalExponent: 3 }).readUInt16BE(6), 8);
    assert.deepEqual([page.readUInt32BE(20), page.readUInt32BE(24)], [0xffffffff, 4096]);
    assert.deepEqual([page.readUInt32BE(28), page.readUInt32BE(32)], [8, 0x80000000]);
    const thick = vpd(0xb0);
    assert.deepEqual([thick.readUInt32BE(20), thick.readUInt32BE(24)], [0, 0]);
    assert.deepEqual([...vpd(0xb2, { thin: true }).subarray(4)], [0, 0xe4, 2, 0]);
    assert.deepEqual([...vpd(0xb2).subarray(4)], [0, 0, 0, 0]);
    assert.equal(vpd(0xb1).readUInt16BE(4), 1);
    assert.equal(vpd(0x86, { cache: true })[6], 1);
    assert.equal(vpd(0x86)[6], 0);
  });

  it('answers for LUNs that are not there', () => {
    const host = new Bench().host();
    const absent = { lun: 7 };
    assert.equal(host.send(inquiry(), absent).data[0], 0x7f);
    assert.equal(host.send(inquiry(0x80), absent).code, 0x2400);
    const refused = host.send([0, 0, 0, 0, 0, 0], absent);
    assert.deepEqual([refused.status, refused.key, refused.code], [2, 5, 0x2500]);
    const sense = host.send([3, 0, 0, 0, 18, 0], absent);
    assert.deepEqual([sense.status, sense.data[2], sense.data[12]], [0, 5, 0x25]);
    assert.equal(host.send([0xa0, 0, 0, 0, 0, 0, ...be(256, 4), 0, 0], absent).data.length, 16);
  });
});

describe('READ CAPACITY (SBC-4 5.20, 5.21)', () => {
  it('tells the last block and the block size', () => {
    const host = new Bench({ blocks: 2000, blockSize: 4096, thin: true, physicalExponent: 2 }).host();
    assert.deepEqual([...host.send([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]).data], [...be(1999, 4), ...be(4096, 4)]);
    const { data } = host.send([0x9e, 0x10, ...be(0, 8), ...be(32, 4), 0, 0]);
    const read = parseCapacity16(data, 0, data.length);
    assert.ok(!isParseFault(read));
    assert.deepEqual([read.blocks, read.blockSize], [2000, 4096]);
    assert.deepEqual([data[13], data[14]], [2, 0xc0]);
    assert.equal(host.send([0x9e, 0x10, ...be(0, 8), ...be(12, 4), 0, 0]).data.length, 12);
    assert.equal(host.send([0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0]).code, 0x2400);
  });
});

describe('REPORT LUNS (SPC-5 6.33)', () => {
  const report = (host: Host, select: number, length = 4096) =>
    host.send([0xa0, 0, select, 0, 0, 0, ...be(length, 4), 0, 0]);

  it('lists the logical units', () => {
    const host = new Bench({ luns: [{ lun: 300 }, { lun: 2 }, { lun: 0 }] }).host();
    const expected = [...be(24, 4), 0, 0, 0, 0, ...be(0, 8), 0, 2, 0, 0, 0, 0, 0, 0, 0x41, 0x2c, 0, 0, 0, 0, 0, 0];
    for (const select of [0, 2]) assert.deepEqual([...report(host, select).data], expected);
    assert.deepEqual([...report(host, 1).data], [0, 0, 0, 0, 0, 0, 0, 0]);
    assert.deepEqual([...report(host, 0, 20).data], expected.slice(0, 20));
    assert.equal(report(host, 0, 15).code, 0x2400);
    assert.equal(report(host, 3).code, 0x2400);
  });
});

describe('REPORT SUPPORTED OPERATION CODES (SPC-5 6.37)', () => {
  const ask = (options: number, opcode = 0, action = 0, length = 65535) => [
    0xa3,
    0x0c,
    options,
    opcode,
    ...be(action, 2),
    ...be(length, 4),
    0,
    0,
  ];

  it('lists commands that it takes, each as it describes it alone', () => {
    const host = new Bench({ thin: true }).host();
    const all = Buffer.from(host.send(ask(0)).data);
    assert.equal(all.readUInt32BE(0), all.length - 4);
    for (let at = 4; at < all.length; at += 8) {
      const opcode = all[at];
      const hasAction = (all[at + 5] & 1) !== 0;
      const one = host.send(ask(hasAction ? 2 : 1, opcode, all.readUInt16BE(at + 2)));
      assert.equal(one.data[1] & 7, 3, `opcode ${opcode}`);
      assert.equal(one.data[3], all.readUInt16BE(at + 6));
      assert.equal(one.data.length, 4 + one.data[3]);
      assert.equal(one.data[4], opcode);
      assert.equal(host.send(ask(hasAction ? 1 : 2, opcode)).code, 0x2400);
      // None of them is an invalid opcode.
      assert.notEqual(host.send([opcode, all.readUInt16BE(at + 2)]).code, 0x2000);
    }
  });

  it('says what is not there', () => {
    const host = new Bench().host();
    assert.deepEqual([...host.send(ask(1, 0x42)).data], [0, 1, 0, 0]);
    assert.deepEqual([...host.send(ask(1, 0xc1)).data], [0, 1, 0, 0]);
    assert.equal(host.send([0xc1]).code, 0x2000);
    assert.equal(host.send([0x9e, 0x1f]).code, 0x2400);
    assert.equal(host.send(ask(4)).code, 0x2400);
  });

  it('adds time-outs where they were asked for', () => {
    const host = new Bench().host();
    const one = host.send(ask(0x81, 0x28)).data;
    assert.deepEqual([one.length, one[1], one[14], one[15]], [4 + 10 + 12, 0x83, 0, 10]);
    const all = Buffer.from(host.send(ask(0x80)).data);
    assert.equal((all.length - 4) % 20, 0);
    assert.equal(host.send([0xa3, 0x0d, 0x80, 0, 0, 0, ...be(16, 4), 0, 0]).data[0], 0xda);
  });
});
