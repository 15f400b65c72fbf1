import assert from 'node:assert/strict';
import { cdbAhs } from '../../../kit/pdu.ts';
import { Bench, bytes, rw, type Told } from './kit.ts';

const FAST = {
  InitialR2T: 'No',
  ImmediateData: 'Yes',
  MaxRecvDataSegmentLength: '262144',
  MaxBurstLength: '262144',
  FirstBurstLength: '65536',
};

describe('iSCSI target: commands', () => {
  it('reads, with the status in the last Data-In (section 11.7)', () => {
    const bench = new Bench();
    const host = bench.connect().in({ MaxRecvDataSegmentLength: '1024', MaxBurstLength: '2048' });
    bench.device.memory.set(bytes(4096), 1024);
    host.read(7, 2, 5);
    const told = host.told();
    assert.deepEqual(
      told.map(({ opcode, flags, itt, ttt, w36, w40, data }) => [opcode, flags, itt, ttt, w36, w40, data.length]),
      [
        [0x25, 0x00, 7, 0xffffffff, 0, 0, 1024],
        [0x25, 0x80, 7, 0xffffffff, 1, 1024, 1024],
        [0x25, 0x81, 7, 0xffffffff, 2, 2048, 512],
      ],
    );
    assert.deepEqual(Buffer.concat(told.map(({ data }) => data)), Buffer.from(bytes(4096).subarray(0, 2560)));
    const last = told[2];
    assert.deepEqual([last.three, last.statSn, last.expCmdSn], [0, host.expStatSn, host.cmdSn]);
    assert.equal(bench.releases.length, 1);
  });

  it('tells residuals both ways (section 11.4.5)', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    host.read(1, 0, 2, 4096);
    const under = host.one();
    assert.deepEqual([under.flags, under.data.length, under.w44], [0x83, 1024, 3072]);
    host.read(2, 0, 2, 700);
    const over = host.one();
    assert.deepEqual([over.flags, over.data.length, over.w44], [0x85, 700, 324]);
    host.write(3, 0, 2, bytes(2048), 0xa1, 2048);
    const written = host.one();
    assert.deepEqual([written.opcode, written.flags, written.w44], [0x21, 0x82, 1024]);
    assert.deepEqual(bench.device.memory.subarray(0, 1024), bytes(2048).subarray(0, 1024));
    host.write(4, 8, 2, bytes(512), 0xa1, 512);
    const short = host.one();
    assert.deepEqual([short.flags, short.w44], [0x84, 512]);
  });

  it('collects immediate, unsolicited and solicited data (sections 4.2.4.2, 11.7, 11.8)', () => {
    const bench = new Bench();
    const host = bench
      .connect()
      .in({ ...FAST, FirstBurstLength: '2048', MaxBurstLength: '2048', MaxOutstandingR2T: '2' });
    const payload = bytes(8192);
    const part = (from: number, to: number) => payload.subarray(from, to);
    host.write(5, 4, 16, part(0, 512), 0x21);
    host.dataOut(5, 0xffffffff, 0, 512, part(512, 1024), false);
    assert.deepEqual(host.told(), []);
    host.dataOut(5, 0xffffffff, 1, 1024, part(1024, 2048), true);
    const asked = host.told();
    const r2t = ({ opcode, itt, w36, w40, w44 }: Told) => [opcode, itt, w36, w40, w44];
    assert.deepEqual(asked.map(r2t), [
      [0x31, 5, 0, 2048, 2048],
      [0x31, 5, 1, 4096, 2048],
    ]);
    assert.notEqual(asked[0].ttt, asked[1].ttt);
    host.dataOut(5, asked[0].ttt, 0, 2048, part(2048, 3072), false);
    host.dataOut(5, asked[0].ttt, 1, 3072, part(3072, 4096), true);
    const third = host.one();
    assert.deepEqual(r2t(third), [0x31, 5, 2, 6144, 2048]);
    host.dataOut(5, asked[1].ttt, 0, 4096, part(4096, 6144), true);
    host.dataOut(5, third.ttt, 0, 6144, part(6144, 8192), true);
    const response = host.one();
    assert.deepEqual([response.opcode, response.flags, response.three, response.w36], [0x21, 0x80, 0, 3]);
    assert.deepEqual(bench.device.memory.subarray(2048, 2048 + 8192), payload);
    assert.equal(bench.device.ended, 1);
  });
});

describe('iSCSI target: what a command request may hold (RFC 7143 section 11.3)', () => {
  const bidirectional = (length: number): Uint8Array =>
    Uint8Array.of(0, 5, 2, 0, length >> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff);

  it('task attributes', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    for (let attribute = 0; attribute < 8; attribute++) {
      host.ask({ opcode: 1, flags: 0x80 | attribute, itt: attribute, cdb: rw(0, 0, 0) });
    }
    assert.deepEqual(
      bench.device.begun.map(({ attribute }) => attribute),
      ['untagged', 'simple', 'ordered', 'headOfQueue', 'aca', 'simple', 'simple', 'simple'],
    );
    assert.deepEqual(
      host.told().map(({ opcode, flags, three, w44 }) => [opcode, flags, three, w44]),
      new Array(8).fill([0x21, 0x80, 0, 0]),
    );
  });

  it('a CDB of more than 16 bytes (section 11.2.2.3)', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    const cdb = bytes(32);
    cdb[0] = 0x7f;
    host.ask({ opcode: 1, flags: 0x80, itt: 1, cdb, ahs: cdbAhs(cdb) });
    assert.deepEqual(bench.device.begun[0].cdb, cdb);
    assert.equal(host.one().three, 0);
  });

  it('data in both directions, each with its residual (sections 11.2.2.4 and 11.4.1)', () => {
    const bench = new Bench();
    bench.device.script = () => ({
      takes: 512,
      outcome: (out) => ({ status: 0, dataIn: [out.subarray(0, 100)], wanted: 512 }),
    });
    const host = bench.connect().in(FAST);
    const both = (itt: number, out: number, into: number): Told[] => {
      const data = bytes(out, itt);
      host.ask({
        opcode: 1,
        flags: 0xe1,
        itt,
        words: { 20: out },
        cdb: rw(0x53, 0, 0),
        ahs: bidirectional(into),
        data,
      });
      return host.told();
    };
    const [data, response] = both(1, 512, 100);
    assert.deepEqual([data.opcode, data.flags, response.opcode, response.flags], [0x25, 0x80, 0x21, 0x80]);
    assert.deepEqual(data.data, bytes(512, 1).subarray(0, 100));
    const [, under] = both(2, 1024, 300);
    assert.deepEqual([under.flags, under.w40, under.w44], [0x8a, 200, 512]);
    const [cut, over] = both(3, 256, 40);
    assert.deepEqual([cut.data.length, over.flags, over.w40, over.w44], [40, 0x94, 60, 256]);
  });

  it('is rejected where its additional headers are none (section 11.17.1)', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    const ask = (flags: number, ahs?: Uint8Array): void =>
      host.ask({ opcode: 1, flags, itt: 1, words: { 20: 512 }, cdb: rw(0x2a, 0, 1), ...(ahs ? { ahs } : {}) });
    ask(0xe1);
    ask(0xe1, Uint8Array.of(0, 4, 2, 0, 0, 0, 2, 0));
    ask(0xa1, Uint8Array.of(0, 0, 1, 0));
    ask(0xa1, Uint8Array.of(0, 9, 1, 0));
    assert.deepEqual(
      host.told().map(({ opcode, two }) => [opcode, two]),
      new Array(4).fill([0x3f, 9]),
    );
    assert.equal(bench.device.begun.length, 0);
  });
});
