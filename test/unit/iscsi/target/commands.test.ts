import assert from 'node:assert/strict';
import { Bench, bytes, type Told } from './kit.ts';

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
