import assert from 'node:assert/strict';
import { pdu } from '../../../kit/pdu.ts';
import { Bench, bytes, type Host, rw } from './kit.ts';

const FAST = { InitialR2T: 'No', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '262144' };
const ABORT_TASK = 1;
const LUN_RESET = 5;

function waiting(options: ConstructorParameters<typeof Bench>[0] = {}): { bench: Bench; host: Host } {
  const bench = new Bench(options);
  bench.eager = false;
  return { bench, host: bench.connect().in({ ...FAST, MaxConnections: '2' }) };
}

/** Opcode, response and tag of the one answer. */
function answered(host: Host): number[] {
  const { opcode, two, itt } = host.one();
  return [opcode, two, itt];
}

describe('iSCSI target: task management (RFC 7143 sections 11.5 and 11.6)', () => {
  it('aborts a task, and says so once it does nothing more', () => {
    const { bench, host } = waiting();
    host.write(1, 0, 1, bytes(512));
    host.manage(ABORT_TASK, 9, 1, host.cmdSn - 1);
    assert.deepEqual([host.told(), bench.stopped.length, bench.device.orders[0].kind], [[], 1, 'abortTask']);
    bench.giveUp(bench.runs[0]);
    assert.deepEqual(answered(host), [0x22, 0, 9]);
    assert.equal(bench.releases.length, 1);
    host.manage(ABORT_TASK, 10, 1, host.cmdSn - 1);
    assert.deepEqual(answered(host), [0x22, 1, 10], 'no such task any more');
  });

  it('says nothing of a task that ends while it is aborted', () => {
    const { bench, host } = waiting();
    host.read(1, 0, 1);
    host.manage(ABORT_TASK, 9, 1);
    bench.go(bench.runs[0]);
    assert.deepEqual(answered(host), [0x22, 0, 9]);
  });

  it('aborts a task whose data is still to come; that data is passed over', () => {
    const { bench, host } = waiting();
    host.write(1, 0, 8, new Uint8Array(0));
    const { ttt } = host.one();
    host.manage(ABORT_TASK, 9, 1);
    assert.deepEqual(answered(host), [0x22, 0, 9]);
    assert.deepEqual([bench.device.ended, bench.stopped.length], [1, 0]);
    host.dataOut(1, ttt, 0, 0, bytes(4096), true);
    assert.deepEqual(host.told(), []);
    host.read(1, 0, 1);
    assert.equal(bench.runs.length, 1, 'its tag is free');
  });

  it('needs the right LU', () => {
    const { bench, host } = waiting();
    host.read(1, 0, 1);
    const lun = Uint8Array.of(0, 3, 0, 0, 0, 0, 0, 0);
    host.ask({ opcode: 2, immediate: true, flags: 0x81, itt: 9, lun, words: { 20: 1 } });
    assert.deepEqual(answered(host), [0x22, 1, 9]);
    bench.device.stops = () => 'no lun';
    host.manage(LUN_RESET, 10);
    assert.deepEqual(answered(host), [0x22, 2, 10]);
  });

  it('passes over a command that it aborts before it came (section 11.5.1)', () => {
    const { bench, host } = waiting();
    const number = host.cmdSn;
    host.cmdSn += 2;
    host.manage(ABORT_TASK, 9, 7, number);
    assert.deepEqual(answered(host), [0x22, 0, 9]);
    host.cmdSn = number;
    host.read(7, 0, 1);
    assert.equal(bench.runs.length, 0);
    host.read(8, 0, 1);
    assert.deepEqual(
      bench.runs.map(({ task }) => task.lu),
      [0],
    );
    host.manage(ABORT_TASK, 10, 77, number + 1000);
    assert.deepEqual(answered(host), [0x22, 1, 10]);
  });

  it('stops whom the device names, of any session, and tells them where that is due', () => {
    const { bench, host } = waiting();
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.in(FAST);
    host.read(1, 0, 1);
    other.read(1, 0, 1);
    other.write(2, 0, 8, new Uint8Array(0));
    other.told();
    bench.device.stops = () => [
      { nexus: 1, tag: 1 },
      { nexus: 2, tag: 1 },
      { nexus: 2, tag: 2, tell: true },
      { nexus: 2, tag: 77 },
      { nexus: 99, tag: 1 },
    ];
    host.manage(LUN_RESET, 9);
    const told = other.one();
    assert.deepEqual([told.opcode, told.three, told.itt], [0x21, 0x40, 2]);
    for (const run of [...bench.runs]) {
      assert.deepEqual(host.told(), []);
      bench.giveUp(run);
    }
    assert.deepEqual(answered(host), [0x22, 0, 9]);
    assert.deepEqual(other.told(), []);
    assert.equal(bench.device.orders[0].kind, 'lunReset');
  });

  it('knows all functions, and which it does not offer', () => {
    const kinds = ['abortTaskSet', 'clearAca', 'clearTaskSet', 'lunReset', 'targetWarmReset'];
    const { bench, host } = waiting();
    for (let what = 2; what <= 6; what++) {
      host.manage(what, what);
      assert.deepEqual(answered(host), [0x22, 0, what]);
    }
    assert.deepEqual(
      bench.device.orders.map(({ kind }) => kind),
      kinds,
    );
    host.manage(8, 20);
    assert.deepEqual(answered(host), [0x22, 4, 20]);
    host.manage(99, 21);
    assert.deepEqual(answered(host), [0x22, 5, 21]);
  });

  it('ends all sessions after a cold reset, its own once it was answered (section 11.5.1)', () => {
    const { bench, host } = waiting();
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.in();
    host.manage(7, 5);
    assert.deepEqual(answered(host), [0x22, 0, 5]);
    assert.deepEqual([host.line.closing, other.line.closing, bench.node.idle], ['end', 'reset', true]);
  });

  it('waits for the commands before it that come on other connections (section 4.2.3.3)', () => {
    const { bench, host } = waiting();
    const two = bench.connect();
    two.cid = 2;
    two.tsih = host.tsih;
    two.login(0x87, two.names());
    two.one();
    two.cmdSn = host.cmdSn + 1;
    two.manage(LUN_RESET, 5);
    assert.deepEqual([two.told(), bench.device.orders.length], [[], 0]);
    host.read(1, 0, 1);
    assert.deepEqual([bench.device.begun.length, bench.device.orders.length], [1, 1]);
    assert.deepEqual(answered(two), [0x22, 0, 5]);
  });

  it('bounds what waits', () => {
    const { bench, host } = waiting({ limits: { immediates: 2 } });
    host.read(1, 0, 1);
    for (let itt = 10; itt < 13; itt++) host.manage(ABORT_TASK, itt, 1);
    assert.deepEqual(answered(host), [0x3f, 6, 0xffffffff]);
    bench.giveUp(bench.runs[0]);
    assert.deepEqual(
      host.told().map(({ itt }) => itt),
      [10, 11],
    );
  });

  it("stops tasks for other commands' sake (PREEMPT AND ABORT)", () => {
    const { bench, host } = waiting();
    host.read(1, 0, 1);
    let done = 0;
    bench.node.stopTasks([{ nexus: 1, tag: 1, tell: true }], () => done++);
    bench.giveUp(bench.runs[0]);
    assert.deepEqual([done, host.one().three], [1, 0x40]);
    bench.node.stopTasks([{ nexus: 1, tag: 1 }], () => done++);
    assert.equal(done, 2);
  });
});

describe('iSCSI target: limits (H5)', () => {
  const room = { limits: { bytes: 8192, sessionBytes: 4096, unsolicitedBytes: 2048 } };

  it('lets commands wait for room, in order, before anything is asked for', () => {
    const { bench, host } = waiting(room);
    host.read(1, 0, 6);
    host.read(2, 0, 6);
    host.write(3, 0, 4, new Uint8Array(0));
    assert.deepEqual([bench.runs.length, bench.device.begun.length, host.told()], [1, 3, []]);
    assert.equal(bench.node.bytes, 3072);
    bench.go(bench.runs[0]);
    assert.equal(bench.runs.length, 0, 'the answer was not sent yet');
    assert.equal(host.one().itt, 1);
    assert.deepEqual(bench.runs.length, 1);
    bench.go(bench.runs[0]);
    const [read, r2t] = [...host.told(), ...host.told()];
    assert.deepEqual([read.itt, r2t.opcode, r2t.itt], [2, 0x31, 3]);
    host.dataOut(3, r2t.ttt, 0, 0, bytes(2048), true);
    bench.go(bench.runs[0]);
    assert.equal(host.one().three, 0);
    assert.equal(bench.node.bytes, 0);
  });

  it('takes some unsolicited data of those that wait, and tells the rest that the task set is full', () => {
    const { bench, host } = waiting(room);
    host.read(1, 0, 8);
    host.write(2, 2, 4, bytes(2048, 2));
    host.write(3, 9, 1, bytes(512, 3));
    const full = host.one();
    assert.deepEqual([full.itt, full.three], [3, 0x28]);
    bench.go(bench.runs[0]);
    host.told();
    bench.go(bench.runs[0]);
    assert.deepEqual([host.one().three, bench.node.bytes], [0, 0]);
    assert.deepEqual(bench.device.memory.subarray(1024, 3072), bytes(2048, 2));
    host.write(4, 9, 1, bytes(512, 3));
    assert.equal(bench.runs.length, 1);
  });

  it('asks for the rest of a command that waited with its first data', () => {
    const { bench, host } = waiting(room);
    host.read(1, 0, 8);
    host.write(2, 2, 8, bytes(4096, 2).subarray(0, 1000), 0x21);
    host.dataOut(2, 0xffffffff, 0, 1000, bytes(4096, 2).subarray(1000, 1500), true);
    const late = host.one();
    assert.deepEqual([late.itt, late.three], [2, 0x28], 'the first burst is longer than what may lie here');
    host.write(3, 2, 4, bytes(2048, 2).subarray(0, 1000), 0x21);
    host.dataOut(3, 0xffffffff, 0, 1000, bytes(2048, 2).subarray(1000, 1500), true);
    assert.deepEqual(host.told(), []);
    bench.go(bench.runs[0]);
    host.told();
    const asked = host.one();
    assert.deepEqual([asked.opcode, asked.w40, asked.w44], [0x31, 1500, 548]);
    host.dataOut(3, asked.ttt, 0, 1500, bytes(2048, 2).subarray(1500), true);
    bench.go(bench.runs[0]);
    assert.equal(host.one().three, 0);
    assert.deepEqual(bench.device.memory.subarray(1024, 3072), bytes(2048, 2));
  });

  it('does not begin with half of the immediate data when there is room all of a sudden', () => {
    const { bench, host } = waiting(room);
    host.read(1, 0, 8);
    const data = bytes(1024, 6);
    const words = { 20: 1024, 24: host.cmdSn };
    const write = pdu({ opcode: 1, flags: 0xa1, itt: 2, words, cdb: rw(0x2a, 4, 2), data });
    host.raw(write.subarray(0, 300));
    bench.go(bench.runs[0]);
    assert.equal(host.one().itt, 1);
    assert.deepEqual([bench.device.begun.length, bench.runs.length], [2, 0]);
    host.raw(write.subarray(300));
    bench.go(bench.runs[0]);
    assert.equal(host.one().three, 0);
    assert.deepEqual(bench.device.memory.subarray(2048, 3072), data);
  });

  it('lets no session starve: each has its first command, in turn', () => {
    const { bench, host } = waiting(room);
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.in(FAST);
    for (let itt = 0; itt < 5; itt++) host.read(itt, 0, 8);
    other.read(1, 0, 8);
    assert.equal(bench.runs.length, 2);
  });

  it('lets a command pass that is larger than all there may be, while others are busy', () => {
    const { bench, host } = waiting({ limits: { bytes: 4096, sessionBytes: 1 << 20 } });
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.in(FAST);
    other.read(1, 0, 1);
    host.read(1, 0, 100);
    assert.equal(bench.runs.length, 2);
    for (const run of [...bench.runs]) bench.go(run);
    assert.equal(host.told().at(-1)?.flags, 0x81);
    other.told();
    assert.equal(bench.node.bytes, 0);
  });

  it('gives back what tasks had that were aborted while they waited', () => {
    const { bench, host } = waiting(room);
    host.read(1, 0, 8);
    host.read(2, 0, 8);
    host.read(3, 0, 8);
    host.manage(ABORT_TASK, 9, 2);
    assert.deepEqual(answered(host), [0x22, 0, 9]);
    bench.go(bench.runs[0]);
    host.told();
    assert.deepEqual(
      bench.runs.map(({ nexus }) => nexus.id),
      [1],
    );
    host.line.ended();
    bench.giveUp(bench.runs[0]);
    assert.deepEqual([bench.node.bytes, bench.node.idle, bench.releases.length], [0, true, 2]);
  });

  it('is paused while a peer takes nothing', () => {
    const bench = new Bench({ limits: { outputBytes: 10000 } });
    const host = bench.connect().in(FAST);
    for (let itt = 0; itt < 3; itt++) host.read(itt, 0, 8);
    assert.equal(host.line.paused, true);
    host.told();
    assert.equal(host.line.paused, false);
  });

  it('drops who sends too much out of order', () => {
    const { bench, host } = waiting({ limits: { unsolicitedBytes: 1000 } });
    host.cmdSn++;
    host.write(1, 0, 1, bytes(512));
    assert.equal(host.line.closing, 'no');
    host.write(2, 0, 1, bytes(512));
    assert.deepEqual([host.line.closing, bench.node.idle], ['reset', true]);
    const again = bench.connect().in(FAST);
    again.cmdSn++;
    again.write(1, 0, 1, bytes(512));
    assert.equal(again.line.closing, 'no', 'what was held is free again');
  });
});
