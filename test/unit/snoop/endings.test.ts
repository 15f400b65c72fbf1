import assert from 'node:assert/strict';
import { blocks, HOST, LU, ScriptedBus, startWrite, TARGET, write } from '../../kit/bus.ts';
import { cdb10 } from '../../kit/cdb.ts';

const ABORT_TASK = 1;
const ABORT_TASK_SET = 2;
const CLEAR_TASK_SET = 4;
const LU_RESET = 5;
const WARM_RESET = 6;
const I_T_NEXUS_RESET = 11;

describe('B2 tasks that task management ends (RFC 7143 section 11.5)', () => {
  for (const [name, fn, byRef] of [
    ['ABORT TASK', ABORT_TASK, true],
    ['ABORT TASK SET', ABORT_TASK_SET, false],
    ['CLEAR TASK SET', CLEAR_TASK_SET, false],
    ['LOGICAL UNIT RESET', LU_RESET, false],
    ['TARGET WARM RESET', WARM_RESET, false],
    ['I_T NEXUS RESET', I_T_NEXUS_RESET, false],
  ] as const) {
    it(`${name}: what was open is LBN-only, and final: later writes there are exact`, () => {
      const bus = new ScriptedBus();
      const c = bus.login();
      const open = startWrite(c, 10, blocks(1, 4));
      c.managed(c.manage(fn, byRef ? { ref: open } : {}));
      write(c, 12, blocks(9));
      const found = bus.run();
      assert.deepEqual(found.doubt(LU), [
        [10, 2],
        [13, 1],
      ]);
      assert.equal(found.model(LU).read(12, 1)[0], 9);
      assert.deepEqual(found.commands.map((view) => view.ending).sort(), ['aborted', 'status']);
    });
  }

  it('a function that was rejected ends nothing: the status still counts (section 11.6.1)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const open = startWrite(c, 10, blocks(1));
    c.managed(c.manage(ABORT_TASK, { ref: open }), 255);
    c.status(open);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(10, 1)[0], 1);
  });

  it('ABORT TASK SET is about one LU and one session', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const other = bus.login({ isid: 2 });
    const here = startWrite(c, 10, blocks(1));
    const far = startWrite(c, 20, blocks(2), { lun: 1 });
    const theirs = startWrite(other, 30, blocks(3));
    c.managed(c.manage(ABORT_TASK_SET));
    for (const sent of [far]) c.status(sent);
    other.status(theirs);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(30, 1)[0], 3);
    assert.equal(here.itt !== far.itt, true);
  });

  it('LOGICAL UNIT RESET ends the tasks of every session (SAM-5 section 7.4)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const other = bus.login({ isid: 2, initiator: `${HOST}2` });
    startWrite(other, 10, blocks(1));
    other.link.ack('target');
    c.managed(c.manage(LU_RESET));
    write(c, 10, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(10, 1)[0], 2);
    assert.deepEqual(found.doubts, ['aborted']);
  });

  it('a status that comes after the abort puts its blocks in doubt again', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const open = startWrite(c, 10, blocks(1));
    c.managed(c.manage(ABORT_TASK, { ref: open }));
    write(c, 10, blocks(2));
    c.status(open);
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });
});

describe('B2, B6 tasks whose connection ends (RFC 7143 section 6.3.5)', () => {
  for (const how of ['fin', 'rst'] as const) {
    it(`by ${how}: LBN-only, and still able to land`, () => {
      const bus = new ScriptedBus();
      const c = bus.login();
      startWrite(c, 10, blocks(1, 2));
      c.link[how]('host');
      if (how === 'fin') c.link.fin('target');
      write(bus.login({ isid: 2 }), 11, blocks(2));
      const found = bus.run();
      assert.deepEqual(found.doubt(LU), [[10, 2]], 'a later write there is not final either');
      assert.ok(found.commands.some((view) => view.ending === 'connection-lost'));
    });
  }

  it('a login with the same ISID reinstates the session: what was open can no longer land', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    startWrite(c, 10, blocks(1, 2));
    c.link.rst('host');
    write(bus.login(), 11, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(11, 1)[0], 2);
  });

  it('reinstatement while the old connection still stands ends its tasks, too', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    startWrite(c, 10, blocks(1, 2));
    c.link.ack('target');
    write(bus.login(), 11, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
  });

  it('after the settle time it can no longer land, and its blocks are read once more', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    startWrite(c, 10, blocks(1, 2));
    c.link.rst('host');
    const other = bus.login({ isid: 2 });
    write(other, 11, blocks(2));
    bus.wait(2000);
    other.ping();
    bus.wait(100);
    write(other, 11, blocks(3));
    other.ping();
    const found = bus.run({ settleMs: 1000, batch: 1 });
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(11, 1)[0], 3);
    assert.deepEqual(found.doubts, ['aborted', 'overlap', 'aborted']);
  });

  it('a write that was open when the capture ended is LBN-only', () => {
    const bus = new ScriptedBus();
    startWrite(bus.login(), 10, blocks(1, 2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 2]]);
    assert.deepEqual(found.commands[0].ending, 'unfinished');
  });
});

describe('A8, B2 statuses that were not captured', () => {
  it('StatSN counts them: the open task was the one (RFC 7143 section 4.2.2.2)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const lost = startWrite(c, 10, blocks(1, 2));
    c.link.lose(() => c.status(lost));
    write(c, 20, blocks(2));
    write(c, 11, blocks(3));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]], 'what is written after it is exact');
    assert.equal(found.model(LU).read(20, 1)[0], 2);
    assert.equal(found.model(LU).read(11, 1)[0], 3);
    assert.deepEqual(found.doubts, ['lost-status']);
  });

  it('an ITT in use again proves that its status came (section 11.2.1.8)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const lost = startWrite(c, 10, blocks(1));
    c.link.lose(() => c.status(lost));
    const again = startWrite(c, 20, blocks(2), { itt: lost.itt });
    c.status(again);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(20, 1)[0], 2);
  });

  it('a command that is sent again with its CmdSN is the same command (section 7.2.1)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const first = startWrite(c, 10, blocks(1));
    startWrite(c, 10, blocks(1), { itt: first.itt, cmdSn: first.cmdSn });
    c.status(first);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.commands.length, 1);
  });

  it('a status that is sent again with its StatSN changes nothing (section 7.2.1)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = startWrite(c, 10, blocks(1));
    c.status(sent);
    c.status(sent, { statSn: c.statSn - 1 });
    write(c, 20, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.changes.length, 2);
  });

  it('a read whose status was lost puts nothing in doubt', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const read = c.command(cdb10(0x28, 10, 1), { in: 512 });
    c.link.lose(() => c.dataIn(read, blocks(0), { status: 0 }));
    write(c, 20, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.commands.find((view) => view.opcode === 0x28)?.target, TARGET);
  });
});
