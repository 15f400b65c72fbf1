import assert from 'node:assert/strict';
import { lunBytes } from '../../../parsers/scsi/lun.ts';
import type { DeviceOutcome, DeviceRequest, DeviceSteps, DeviceTask, TaskAttribute } from '../../../src/base/device.ts';
import { Bench, be, type Host, pattern } from './host.ts';

const TUR = [0, 0, 0, 0, 0, 0];
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];

interface Running {
  task: DeviceTask;
  steps: DeviceSteps;
  /** What it asks for, or undefined once it has ended. */
  asks: DeviceRequest['kind'] | undefined;
  outcome?: DeviceOutcome;
}

function start(host: Host, attribute: TaskAttribute, cdb = READ): Running {
  const task = host.begin(cdb, { attribute });
  const running: Running = { task, steps: task.run([]), asks: undefined };
  look(running, running.steps.next());
  return running;
}

function look(running: Running, step: IteratorResult<DeviceRequest, DeviceOutcome>): void {
  running.asks = step.done === true ? undefined : step.value.kind;
  if (step.done === true) running.outcome = step.value;
}

/** Goes on with steps that wait, as after others advanced. */
function again(...all: Running[]): void {
  for (const running of all) if (running.asks === 'wait') look(running, running.steps.next());
}

function finish(running: Running): void {
  look(running, running.steps.next(new Uint8Array(512)));
  assert.equal(running.asks, undefined);
  running.task.end();
}

describe('task attributes (SAM-6 8.6)', () => {
  it('ORDERED waits for all before it, and all after it wait for it', () => {
    const host = new Bench().host();
    const first = start(host, 'simple');
    const second = start(host, 'simple');
    const ordered = start(host, 'ordered');
    const late = start(host, 'simple');
    assert.deepEqual(
      [first, second, ordered, late].map(({ asks }) => asks),
      ['read', 'read', 'wait', 'wait'],
    );
    finish(second);
    again(ordered, late);
    assert.deepEqual([ordered.asks, late.asks], ['wait', 'wait']);
    finish(first);
    again(ordered, late);
    assert.deepEqual([ordered.asks, late.asks], ['read', 'wait']);
    finish(ordered);
    again(late);
    assert.equal(late.asks, 'read');
    finish(late);
  });

  it('HEAD OF QUEUE goes before everything that has not begun', () => {
    const host = new Bench().host();
    const first = start(host, 'simple');
    const ordered = start(host, 'ordered');
    const head = start(host, 'headOfQueue');
    assert.equal(head.asks, 'read');
    finish(first);
    again(ordered);
    assert.equal(ordered.asks, 'wait');
    const late = start(host, 'simple');
    assert.equal(late.asks, 'wait');
    finish(head);
    again(ordered, late);
    assert.deepEqual([ordered.asks, late.asks], ['read', 'wait']);
  });

  it('counts a task whose data is still to come, and no longer one that was given up', () => {
    const host = new Bench().host();
    const slow = host.begin([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { expected: 512 });
    const ordered = start(host, 'ordered');
    again(ordered);
    assert.equal(ordered.asks, 'wait');
    slow.end();
    again(ordered);
    assert.equal(ordered.asks, 'read');
  });

  it('is for each nexus alone: no host waits for another (TST 001b)', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const slow = start(one, 'simple');
    const ordered = start(one, 'ordered');
    assert.equal(start(bench.host('two'), 'ordered').asks, 'read');
    assert.deepEqual([slow.asks, ordered.asks], ['read', 'wait']);
  });

  it('sees a reservation that came while it waited', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const slow = start(one, 'simple');
    const ordered = start(one, 'ordered');
    assert.equal(bench.host('two').send([0x16, 0, 0, 0, 0, 0]).status, 0);
    finish(slow);
    again(ordered);
    assert.equal(ordered.outcome?.status, 0x18);
  });
});

describe('task management (SAM-6 7)', () => {
  it('names the tasks that are to be stopped', () => {
    const bench = new Bench({ luns: [{}, {}] });
    const one = bench.host('one');
    const two = bench.host('two');
    const lun = lunBytes(0);
    one.begin(READ, { tag: 11 });
    one.begin(READ, { tag: 12 });
    one.begin(READ, { tag: 13, lun: 1 });
    two.begin(READ, { tag: 21 });
    const mine = [
      { nexus: one.nexus.id, tag: 11 },
      { nexus: one.nexus.id, tag: 12 },
    ];
    const theirs = { nexus: two.nexus.id, tag: 21 };
    const { device } = bench;
    assert.deepEqual(device.manage({ kind: 'abortTask', nexus: one.nexus, lun, tag: 12 }), [mine[1]]);
    assert.deepEqual(device.manage({ kind: 'abortTask', nexus: one.nexus, lun, tag: 21 }), []);
    assert.deepEqual(device.manage({ kind: 'abortTaskSet', nexus: one.nexus, lun }), mine);
    assert.deepEqual(device.manage({ kind: 'clearTaskSet', nexus: one.nexus, lun }), mine);
    assert.deepEqual(device.manage({ kind: 'lunReset', nexus: one.nexus, lun }), [...mine, theirs]);
    const all = device.manage({ kind: 'targetWarmReset', nexus: one.nexus });
    assert.deepEqual(all, [...mine, theirs, { nexus: one.nexus.id, tag: 13 }]);
    assert.equal(device.manage({ kind: 'lunReset', nexus: one.nexus, lun: lunBytes(9) }), 'no lun');
  });

  it('lets others know by a status where TAS asks for it', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const two = bench.host('two');
    const control = [0x0a, 10, 0x22, 0x10, 0, 0x40, 0, 0, 0, 0, 0, 0];
    const list = Uint8Array.from([0, 0, 0, 0, ...control]);
    assert.equal(one.send([0x15, 0x10, 0, 0, 16, 0], { dataOut: list }).status, 0);
    two.send(TUR);
    one.begin(READ, { tag: 1 });
    two.begin(READ, { tag: 2 });
    assert.deepEqual(bench.device.manage({ kind: 'lunReset', nexus: one.nexus, lun: lunBytes(0) }), [
      { nexus: one.nexus.id, tag: 1 },
      { nexus: two.nexus.id, tag: 2, tell: true },
    ]);
  });

  it('tells every nexus of a reset, once, at the units that were reset', () => {
    const bench = new Bench({ luns: [{}, {}] });
    const one = bench.host('one');
    const two = bench.host('two');
    bench.device.manage({ kind: 'lunReset', nexus: one.nexus, lun: lunBytes(1) });
    for (const host of [one, two]) {
      assert.equal(host.send(TUR).status, 0);
      assert.deepEqual([host.send(TUR, { lun: 1 }).code, host.send(TUR, { lun: 1 }).code], [0x2903, 0]);
    }
    bench.device.manage({ kind: 'targetWarmReset', nexus: one.nexus });
    assert.deepEqual([one.send(TUR).code, two.send(TUR, { lun: 1 }).code], [0x2902, 0x2902]);
  });
});

describe('unit attentions (SAM-6 5.14)', () => {
  it('greet a nexus: power on the first time, loss of the nexus when it comes again', () => {
    const bench = new Bench();
    const first = bench.stranger();
    assert.equal(first.send(TUR).code, 0x2900);
    assert.equal(first.send(TUR).status, 0);
    bench.device.close(first.nexus);
    assert.equal(bench.stranger().send(TUR).code, 0x2907);
  });

  it('are not for INQUIRY and REPORT LUNS, and are told as data by REQUEST SENSE', () => {
    const host = new Bench().stranger();
    assert.equal(host.send([0x12, 0, 0, 0, 36, 0]).status, 0);
    assert.equal(host.send([0xa0, 0, 0, 0, 0, 0, ...be(64, 4), 0, 0]).status, 0);
    const { status, data } = host.send([0x03, 0, 0, 0, 252, 0]);
    assert.deepEqual([status, data[0], data[2], data[12], data[13]], [0, 0x70, 6, 0x29, 0x00]);
    assert.equal(host.send([0x03, 0, 0, 0, 252, 0]).data[2], 0);
    assert.deepEqual([...host.send([0x03, 1, 0, 0, 252, 0]).data], [0x72, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(host.send(TUR).status, 0);
  });

  it('take no data from a command that they refuse', () => {
    const result = new Bench().stranger().send([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { dataOut: pattern(512, 1) });
    assert.deepEqual([result.key, result.takes, result.requests.length], [6, 0, 0]);
  });

  it('tell of another capacity, of other LUNs and another medium', () => {
    const bench = new Bench();
    const host = bench.host();
    bench.device.resize(0, 2048);
    bench.device.resize(0, 2048);
    assert.deepEqual([host.send(TUR).code, host.send(TUR).status], [0x2a09, 0]);
    assert.equal(Buffer.from(host.send([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]).data).readUInt32BE(0), 2047);
    const identity = { vendor: 'A', product: 'B', revision: '1', serial: 'S', naa: '6'.repeat(32) };
    bench.device.add({ key: 7, lun: 5, blockSize: 512, blocks: 8, identity });
    assert.equal(host.send(TUR).code, 0x3f0e);
    assert.equal(host.send(TUR, { lun: 5 }).code, 0x2900);
    bench.device.remove(5);
    assert.equal(host.send([0xa0, 0, 0, 0, 0, 0, ...be(64, 4), 0, 0]).data.length, 16);
    // REPORT LUNS told it.
    assert.equal(host.send(TUR).status, 0);
    assert.equal(host.send(TUR, { lun: 5 }).code, 0x2500);
    bench.device.changeMedium(0);
    assert.equal(host.send(TUR).code, 0x2800);
  });

  it('a reset takes the place of what it makes meaningless', () => {
    const bench = new Bench();
    const host = bench.host();
    bench.device.resize(0, 2048);
    bench.device.manage({ kind: 'lunReset', nexus: host.nexus, lun: lunBytes(0) });
    assert.deepEqual([host.send(TUR).code, host.send(TUR).status], [0x2903, 0]);
  });

  it('ACA is refused', () => {
    const result = new Bench().host().send([0, 0, 0, 0, 0, 0x04]);
    assert.deepEqual([result.key, result.code], [5, 0x2400]);
  });
});

describe('status of a device', () => {
  it('tells what an operator looks for', () => {
    const bench = new Bench({ cache: true });
    const host = bench.host();
    host.begin(READ);
    host.send([0x16, 0, 0, 0, 0, 0]);
    assert.deepEqual(bench.device.status(), [
      { lun: 0, blocks: 1024, tasks: 1, registrants: 0, reserved: true, writeCache: true },
    ]);
  });
});
