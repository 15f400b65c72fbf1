import assert from 'node:assert/strict';
import { pdu } from '../../../kit/pdu.ts';
import { Bench, bytes, rw } from './kit.ts';
import { FAST, NONE, ping, second } from './sessionKit.ts';

describe('iSCSI target: the command window (RFC 7143 section 4.2.2.1)', () => {
  it('ignores what is outside of it or was there before, and takes what is due', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    host.read(1, 0, 1, 512, { words: { 20: 512, 24: host.cmdSn + 200 } });
    host.cmdSn--;
    host.read(2, 0, 1, 512, { words: { 20: 512, 24: host.cmdSn - 1 } });
    host.cmdSn--;
    assert.deepEqual([host.told(), bench.device.begun.length], [[], 0]);
    host.read(3, 0, 1);
    assert.equal(host.one().itt, 3);
    host.read(4, 0, 1, 512, { words: { 20: 512, 24: host.cmdSn - 1 } });
    host.cmdSn--;
    assert.deepEqual(host.told(), []);
    assert.equal(bench.device.begun.length, 1);
  });

  it('closes while as many commands are under way as may be, and opens with their answers', () => {
    const bench = new Bench({ limits: { commands: 3 } });
    bench.eager = false;
    const host = bench.connect().in(FAST);
    for (let itt = 0; itt < 4; itt++) host.read(itt, 0, 1);
    assert.equal(bench.runs.length, 3);
    bench.go(bench.runs[0]);
    const told = host.one();
    assert.deepEqual([told.expCmdSn, told.maxCmdSn], [host.cmdSn - 1, host.cmdSn - 1]);
    host.cmdSn--;
    host.read(9, 0, 1);
    assert.equal(bench.runs.length, 3);
    host.read(10, 0, 1, 512, { immediate: true });
    assert.equal(bench.runs.length, 4, 'an immediate command takes no turn');
    for (const run of [...bench.runs]) bench.go(run);
    assert.equal(host.told().at(-1)?.maxCmdSn, host.cmdSn + 2);
  });

  it('rejects more immediate commands than there may be, a tag in use, and no tag (section 11.17.1)', () => {
    const bench = new Bench({ limits: { immediates: 1 } });
    bench.eager = false;
    const host = bench.connect().in(FAST);
    host.read(1, 0, 1, 512, { immediate: true });
    host.read(2, 0, 1, 512, { immediate: true });
    host.read(1, 0, 1);
    host.read(NONE, 0, 1);
    assert.deepEqual(
      host.told().map(({ opcode, two }) => [opcode, two]),
      [
        [0x3f, 6],
        [0x3f, 7],
        [0x3f, 9],
      ],
    );
    assert.equal(bench.runs.length, 1);
  });

  it('keeps the order across connections: what comes early waits for its turn', () => {
    const bench = new Bench();
    const one = bench.connect().in({ ...FAST, MaxConnections: '4' });
    const two = second(bench, one);
    two.cmdSn = one.cmdSn + 1;
    two.write(2, 4, 1, bytes(512, 9));
    ping(two, 3, { data: Uint8Array.of(7) });
    assert.deepEqual([two.told(), bench.device.begun.length], [[], 0]);
    two.cmdSn -= 2;
    two.write(8, 6, 1, bytes(512));
    assert.deepEqual(two.told(), [], 'the same number again');
    one.write(1, 3, 1, bytes(512, 5));
    assert.deepEqual(
      bench.device.begun.map(({ tag }) => tag),
      [1, 2],
    );
    assert.equal(one.one().itt, 1);
    const [write, pong] = two.told();
    assert.deepEqual([write.itt, pong.itt, pong.expCmdSn], [2, 3, one.cmdSn + 2]);
    assert.deepEqual([...pong.data], [7]);
    assert.deepEqual(bench.device.memory.subarray(2048, 2560), bytes(512, 9));
  });

  it('a turn that comes while its request, or data behind it, is half-way in', () => {
    for (const split of [30, 400]) {
      const bench = new Bench();
      const one = bench.connect().in({ ...FAST, MaxConnections: '4' });
      const two = second(bench, one);
      const data = bytes(1024, 3);
      const words = { 20: 1024, 24: one.cmdSn + 1 };
      const lun = new Uint8Array(8);
      const command = pdu({
        opcode: 1,
        flags: 0x21,
        itt: 2,
        lun,
        words,
        cdb: rw(0x2a, 4, 2),
        data: data.subarray(0, 512),
      });
      two.raw(command.subarray(0, split));
      one.read(1, 0, 1);
      assert.equal(one.one().itt, 1);
      two.raw(command.subarray(split));
      assert.equal(bench.device.begun.length, 2, 'its turn came');
      two.dataOut(2, NONE, 0, 512, data.subarray(512), true);
      assert.deepEqual([two.one().three, bench.node.waitingBytes], [0, 0]);
      two.cmdSn = one.cmdSn + 2;
      const early = { ...words, 24: one.cmdSn + 2 };
      two.say({ opcode: 1, flags: 0x21, itt: 3, lun, words: early, cdb: rw(0x2a, 8, 2), data: data.subarray(0, 512) });
      const rest = { 20: NONE, 36: 0, 40: 512 };
      const late = pdu({ opcode: 5, flags: 0x80, itt: 3, words: rest, data: data.subarray(512) });
      two.raw(late.subarray(0, split));
      one.cmdSn++;
      one.read(4, 0, 1);
      two.raw(late.subarray(split));
      assert.deepEqual([two.one().itt, bench.node.waitingBytes], [3, 0]);
      assert.deepEqual(bench.device.memory.subarray(4096, 5120), data);
    }
  });

  it('keeps unsolicited data with a command that came early', () => {
    const bench = new Bench();
    const one = bench.connect().in({ ...FAST, MaxConnections: '4' });
    const two = second(bench, one);
    const data = bytes(2048, 3);
    two.cmdSn = one.cmdSn + 1;
    two.write(2, 4, 4, data.subarray(0, 512), 0x21);
    two.dataOut(2, NONE, 0, 512, data.subarray(512, 1024), false);
    two.dataOut(2, NONE, 1, 1024, data.subarray(1024), true);
    assert.deepEqual([two.told(), bench.node.waitingBytes], [[], 2048]);
    one.read(1, 0, 1);
    assert.deepEqual([two.one().three, bench.node.waitingBytes], [0, 0]);
    assert.deepEqual(bench.device.memory.subarray(2048, 4096), data);
  });
});
