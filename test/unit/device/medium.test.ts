import assert from 'node:assert/strict';
import { lunBytes } from '../../../parsers/scsi/lun.ts';
import type { DeviceTask } from '../../../src/base/device.ts';
import { Fault } from '../../../src/base/fault.ts';
import { Bench, be, type Host, isAnswer, pattern } from './host.ts';

const TUR = [0, 0, 0, 0, 0, 0];
const READ = [0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const startStop = (flags: number) => [0x1b, 0, 0, 0, flags, 0];
const prevent = (on: boolean) => [0x1e, 0, 0, 0, on ? 1 : 0, 0];
const EJECT = startStop(0x02);
const LOAD = startStop(0x03);

describe('a medium that can be removed (SBC-4 5.31, 5.15)', () => {
  it('is ejected and loaded, and others are told', () => {
    const bench = new Bench({ removable: true });
    const one = bench.host('one');
    const two = bench.host('two');
    const ejected = one.send(EJECT);
    assert.deepEqual([ejected.status, ejected.requests.map(({ kind }) => kind)], [0, ['flush']]);
    for (const cdb of [TUR, READ, [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) {
      const result = two.send(cdb);
      assert.deepEqual([result.status, result.key, result.code], [2, 2, 0x3a00]);
    }
    assert.equal(one.send([0x03, 0, 0, 0, 18, 0]).data[12], 0x3a);
    assert.equal(one.send(LOAD).status, 0);
    assert.equal(one.send(TUR).status, 0);
    assert.equal(two.send(TUR).code, 0x2800);
  });

  it('stays while anybody prevents it: until it allows, is lost or the unit is reset', () => {
    const bench = new Bench({ removable: true });
    const one = bench.host('one');
    const two = bench.host('two');
    const ends = [
      () => two.send(prevent(false)),
      () => bench.device.manage({ kind: 'lunReset', nexus: one.nexus, lun: lunBytes(0) }),
      () => bench.device.close(two.nexus),
    ];
    for (const end of ends) {
      assert.equal(two.send(prevent(true)).status, 0);
      const refused = one.send(EJECT);
      assert.deepEqual([refused.key, refused.code], [5, 0x5302]);
      end();
      one.send(TUR);
      two.send(TUR);
      assert.equal(one.send(EJECT).status, 0);
      assert.equal(one.send(LOAD).status, 0);
      two.send(TUR);
    }
  });

  it('cannot be ejected where it is built in', () => {
    const host = new Bench().host();
    assert.equal(host.send(EJECT).code, 0x2400);
    assert.equal(host.send(prevent(true)).code, 0x2000);
    assert.equal(host.send(TUR).status, 0);
  });

  it('stopping writes the cache and keeps the unit at work for others', () => {
    const bench = new Bench({ cache: true });
    const host = bench.host();
    assert.deepEqual(
      host.send(startStop(0)).requests.map(({ kind }) => kind),
      ['flush'],
    );
    assert.deepEqual(host.send(startStop(0x04)).requests, []);
    assert.equal(host.send(startStop(0x12)).status, 0);
    assert.equal(host.send(TUR).status, 0);
  });
});

interface Stage {
  bench: Bench;
  host: Host;
  jobs: DeviceTask[];
  /** Runs a job until it has asked `count` times or ended; returns whether it ended. */
  work: (count?: number) => boolean;
}

function stage(thin: boolean, blocks = 1024): Stage {
  const jobs: DeviceTask[] = [];
  const bench = new Bench({ thin, blocks, background: (task) => jobs.push(task) });
  const host = bench.host();
  let steps: ReturnType<DeviceTask['run']> | undefined;
  const work = (count = Number.POSITIVE_INFINITY): boolean => {
    const [job] = jobs;
    steps ??= job.run([]);
    let step = steps.next();
    for (let i = 1; i < count && !isAnswer(step); i += 1) {
      try {
        step = steps.next(bench.answer(job, step.value));
      } catch (error) {
        step = steps.throw(error);
      }
    }
    if (!isAnswer(step)) {
      bench.answer(job, step.value);
      return false;
    }
    job.end();
    jobs.shift();
    steps = undefined;
    return true;
  };
  return { bench, host, jobs, work };
}

const sanitize = (action: number, length = 0) => [0x48, action, 0, 0, 0, 0, 0, ...be(length, 2), 0];
const overwrite = (count: number, data: readonly number[]) =>
  Uint8Array.from([count, 0, ...be(data.length, 2), ...data]);

describe('SANITIZE (SBC-4 5.30)', () => {
  it('overwrites in the background, and the unit is not ready meanwhile', () => {
    const { bench, host, work } = stage(false, 20_000);
    const list = overwrite(1, [1, 2, 3]);
    const task = host.begin(sanitize(0x81, list.length), { dataOut: list });
    const outcome = task.run([list]).next();
    assert.ok(isAnswer(outcome) && outcome.value.status === 0);
    task.end();
    assert.equal(work(2), false);
    for (const cdb of [TUR, READ, [0x1a, 0, 8, 0, 255, 0]]) assert.equal(host.send(cdb).code, 0x041b);
    const { data } = host.send([0x03, 0, 0, 0, 18, 0]);
    assert.deepEqual([data[2], data[12], data[13], data[15]], [2, 0x04, 0x1b, 0x80]);
    assert.ok(Buffer.from(data).readUInt16BE(16) > 0);
    assert.equal(host.send([0x12, 0, 0, 0, 36, 0]).status, 0);
    // Neither an abort nor a reset ends it.
    bench.device.manage({ kind: 'lunReset', nexus: host.nexus, lun: lunBytes(0) });
    assert.equal(host.send(TUR).code, 0x2903);
    assert.equal(host.send(TUR).code, 0x041b);
    assert.equal(work(), true);
    assert.equal(host.send(TUR).status, 0);
    assert.deepEqual([...bench.medium().bytes.subarray(0, 4)], [1, 2, 3, 1]);
    // Every block begins with the pattern.
    assert.deepEqual([...bench.medium().bytes.subarray(512 * 19_999, 512 * 19_999 + 4)], [1, 2, 3, 1]);
  });

  it('waits for its end without IMMED, and inverts between passes', () => {
    const { bench, host, work } = stage(false);
    const list = overwrite(0x82, [0xaa, 0x0f]);
    const task = host.begin(sanitize(0x01, list.length), { dataOut: list });
    const steps = task.run([list]);
    assert.deepEqual(steps.next(), { done: false, value: { kind: 'wait' } });
    work(1);
    assert.deepEqual([bench.medium().bytes[0], bench.medium().bytes[1]], [0x55, 0xf0]);
    work();
    const end = steps.next();
    assert.ok(isAnswer(end) && end.value.status === 0);
    assert.deepEqual([bench.medium().bytes[0], bench.medium().bytes[1023]], [0xaa, 0x0f]);
  });

  it('goes on alone: a second one that was sent before it began is refused', () => {
    const { host, jobs } = stage(false);
    const list = overwrite(1, [1]);
    const first = host.begin(sanitize(0x81, 5), { dataOut: list });
    const second = host.begin(sanitize(0x81, 5), { dataOut: list });
    first.run([list]).next();
    const end = second.run([list]).next();
    assert.ok(isAnswer(end) && end.value.status === 2 && end.value.sense?.[13] === 0x1b);
    assert.equal(jobs.length, 1);
  });

  it('erases blocks of a thin unit', () => {
    const { bench, host, work } = stage(true);
    host.send([0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0], { dataOut: pattern(512, 1) });
    const task = host.begin(sanitize(0x82));
    task.run([]).next();
    task.end();
    work();
    assert.ok(bench.medium().mapped.every((mapped) => mapped === 0));
    assert.ok(bench.medium().bytes.every((byte) => byte === 0));
  });

  it('refuses wrong lists, reserved bits, and actions that are not there', () => {
    const { host, jobs } = stage(false);
    const list = overwrite(1, [1]);
    for (const length of [0, 4, 517]) {
      assert.equal(host.send(sanitize(1, length), { dataOut: new Uint8Array(length) }).code, 0x2400);
    }
    assert.equal(host.send([0x48, 0x41, 0, 0, 0, 0, 0, 0, 5, 0], { dataOut: list }).code, 0x2400);
    assert.equal(host.send([0x48, 0x01, 0, 0, 1, 0, 0, 0, 5, 0], { dataOut: list }).code, 0x2400);
    assert.equal(host.send(sanitize(1, 5), { dataOut: overwrite(0, [1]) }).code, 0x2600);
    assert.equal(host.send(sanitize(0x1f, 8), { dataOut: new Uint8Array(8) }).code, 0x2400);
    assert.equal(host.send(sanitize(0x02)).code, 0x2400);
    assert.equal(host.send(sanitize(0x03)).code, 0x2400);
    assert.equal(jobs.length, 0);
    assert.equal(new Bench().host().send(sanitize(0x81, 5), { dataOut: list }).code, 0x2000);
  });

  it('that failed lets nothing but another one through', () => {
    const { bench, host, work } = stage(false);
    const list = overwrite(1, [1]);
    const task = host.begin(sanitize(0x01, 5), { dataOut: list });
    const steps = task.run([list]);
    steps.next();
    bench.fail = { kind: 'write', error: new Fault('local', 'broken') };
    work();
    const end = steps.next();
    assert.ok(isAnswer(end) && end.value.status === 2);
    task.end();
    const refused = host.send(READ);
    assert.deepEqual([refused.key, refused.code], [3, 0x3103]);
    assert.equal(host.send(sanitize(0x1f)).status, 0);
    assert.equal(host.send(READ).status, 0);
  });
});

describe('FORMAT UNIT (SBC-4 5.4)', () => {
  it('makes every block zeros', () => {
    const { bench, host, work } = stage(false);
    bench.medium().bytes.fill(9);
    const task = host.begin([0x04, 0x10, 0, 0, 0, 0], { dataOut: Uint8Array.of(0, 2, 0, 0) });
    assert.equal(task.takes, 4);
    task.run([Uint8Array.of(0, 2, 0, 0)]).next();
    task.end();
    assert.equal(host.send(TUR).code, 0x0404);
    work();
    assert.equal(host.send(TUR).status, 0);
    assert.ok(bench.medium().bytes.every((byte) => byte === 0));
    assert.equal(host.send([0x04, 0x80, 0, 0, 0, 0]).code, 0x2400);
  });
});

describe('what a disk tells of itself', () => {
  it('LOG SENSE, READ DEFECT DATA, SEND DIAGNOSTIC, task management functions', () => {
    const host = new Bench().host();
    assert.deepEqual([...host.send([0x4d, 0, 0x40, 0, 0, 0, 0, 0, 255, 0]).data], [0, 0, 0, 3, 0, 0x0d, 0x2f]);
    assert.equal(host.send([0x4d, 0, 0x4d, 0, 0, 0, 0, 0, 255, 0]).data.length, 16);
    assert.equal(host.send([0x4d, 0, 0x42, 0, 0, 0, 0, 0, 255, 0]).code, 0x2400);
    assert.deepEqual([...host.send([0x37, 0, 0x1d, 0, 0, 0, 0, 0, 32, 0]).data], [0, 0x1d, 0, 0]);
    assert.deepEqual([...host.send([0xb7, 0x0d, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]).data], [0, 0x0d, 0, 0, 0, 0, 0, 0]);
    assert.equal(host.send([0x1d, 0x04, 0, 0, 0, 0]).status, 0);
    assert.equal(host.send([0x34, 0, 0, 0, 0, 0, 0, 0, 1, 0]).status, 4);
    assert.equal(host.send([0x35, 0, 0, 0, 4, 0, 0, 0, 1, 0]).code, 0x2100);
  });
});
