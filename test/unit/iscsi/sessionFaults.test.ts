import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../src/base/fault.ts';
import { bytes, ScriptedTarget, SECOND, Watched } from './scriptedTarget.ts';

describe('B5 an initiator session: time-outs and task management (section 11.5)', () => {
  const LATE = 31 * SECOND;
  const late = (mayReset = true): { target: ScriptedTarget; command: Watched; itt: number; tag: number } => {
    const target = new ScriptedTarget({ mayReset, pingAfterNs: 1e15 }).logIn();
    const command = Watched.write([bytes(512)]);
    target.session.submit(command, 0);
    const { itt, cmdSn } = target.one();
    target.session.tick(LATE);
    const abort = target.one();
    assert.deepEqual([abort.opcode, abort.flags, abort.ttt], [0x02, 0x81, itt]);
    assert.equal(new DataView(abort.cdb.buffer).getUint32(0), cmdSn, 'RefCmdSN');
    return { target, command, itt, tag: abort.itt };
  };
  const answer = (target: ScriptedTarget, itt: number, response: number): void => {
    target.now = LATE;
    target.say({ opcode: 0x22, itt, two: response }, true);
  };

  it('aborts what takes too long', () => {
    const { target, command, tag } = late();
    answer(target, tag, 0);
    assert.deepEqual([command.ends, command.ending], [1, 'failed']);
    assert.match(command.fault?.message ?? '', /does not answer within 30 s \(WRITE\(10\)\)/);
    assert.equal(target.fault, undefined);
  });

  it('is content with a status that comes before the answer', () => {
    const { target, command, itt, tag } = late();
    target.now = LATE;
    target.response(itt);
    answer(target, tag, 1);
    assert.deepEqual([command.ends, command.ending, target.fault], [1, 'status', undefined]);
  });

  it('resets an LU that is ours alone, and only that', () => {
    const { target, command, tag } = late();
    const other = Watched.read(8);
    target.session.submit(other, LATE);
    target.one();
    answer(target, tag, 5);
    const reset = target.one();
    assert.deepEqual([reset.opcode, reset.flags], [0x02, 0x85]);
    answer(target, reset.itt, 0);
    assert.deepEqual([command.ending, other.ending, other.ends], ['failed', 'reset', 1]);
    const shared = late(false);
    answer(shared.target, shared.tag, 5);
    assert.deepEqual(shared.target.sent(), []);
    assert.match(shared.target.fault?.message ?? '', /cannot abort a task/);
  });

  it('gives up a target that answers nothing', () => {
    const { target, command } = late();
    target.session.tick(LATE + 6 * SECOND);
    assert.match(target.fault?.message ?? '', /does not answer task management/);
    assert.deepEqual([command.ends, command.ending], [1, 'lost']);
  });

  it('ends a command that never gets a place', () => {
    const target = new ScriptedTarget({ pingAfterNs: 1e15 });
    // MaxCmdSN is ExpCmdSN - 1 from the first login response on: the window is closed (section 4.2.2.1).
    target.window = 0;
    target.logIn();
    const command = Watched.read(8);
    target.session.submit(command, 0);
    assert.deepEqual(target.sent(), []);
    target.session.tick(LATE);
    assert.deepEqual([command.ends, command.ending], [1, 'failed']);
    assert.match(command.fault?.message ?? '', /takes no more commands within 30 s/);
    assert.equal(target.fault, undefined);
  });
});

describe('B5 an initiator session: a target that talks nonsense is blamed, and every command comes back once (H5)', () => {
  type Act = (target: ScriptedTarget, write: number, read: number) => void;
  const acts: [string, RegExp, Act][] = [
    [
      'an R2T beyond the end',
      /asks for 600 bytes from 19500 on of a task with 20000/,
      (t, w) => t.r2t(w, 0, 19500, 600),
    ],
    ['an R2T of nothing', /asks for 0 bytes/, (t, w) => t.r2t(w, 0, 9000, 0)],
    ['an R2T at 2^32-1', /asks for/, (t, w) => t.r2t(w, 0, 0xffffffff, 0xffffffff)],
    ['an R2T longer than a burst', /more than MaxBurstLength 10000/, (t, w) => t.r2t(w, 0, 8192, 11000)],
    ['an R2T for a read', /of a task with 0/, (t, _w, r) => t.r2t(r, 0, 0, 8)],
    ['an R2T for no task', /a task that there is not/, (t) => t.r2t(0x55, 0, 0, 8)],
    ['an R2T out of order', /R2TSN 1 where 0 was due/, (t, w) => t.r2t(w, 1, 8192, 512)],
    ['an R2T without a tag', /without a target transfer tag/, (t, w) => t.r2t(w, 0, 8192, 512, 0xffffffff)],
    [
      'R2Ts for the same bytes',
      /were sent already/,
      (t, w) => {
        for (let n = 0; n < 3; n++) t.r2t(w, n, 10000, 10000);
      },
    ],
    ['data beyond the end', /up to byte 1010 where 1000 were asked for/, (t, _w, r) => t.dataIn(r, 0, 0, bytes(1010))],
    ['data out of order', /from byte 8 \(DataSN 0\) where byte 0/, (t, _w, r) => t.dataIn(r, 0, 8, bytes(8))],
    ['data with a wrong DataSN', /DataSN 3/, (t, _w, r) => t.dataIn(r, 3, 0, bytes(8))],
    ['data for a write', /where 0 were asked for/, (t, w) => t.dataIn(w, 0, 0, bytes(8))],
    ['a status for no task', /a task that there is not/, (t) => t.response(0x55)],
    [
      'a status twice',
      /a task that there is not/,
      (t, _w, r) => {
        t.response(r);
        t.response(r);
      },
    ],
    [
      'a wrong StatSN',
      /sends StatSN \d+ where \d+ was due/,
      (t, _w, r) => {
        t.statSn += 2;
        t.response(r);
      },
    ],
    [
      'an old StatSN',
      /sends StatSN \d+ where \d+ was due/,
      (t, _w, r) => {
        t.statSn -= 1;
        t.response(r);
      },
    ],
    [
      'a data segment without end',
      /sends 262144 bytes where a few are due/,
      (t, w) => t.response(w, 2, {}, 0x80, new Uint8Array(262144)),
    ],
    ['a segment longer than declared', /no iSCSI/, (t, _w, r) => t.dataIn(r, 0, 0, new Uint8Array(262148))],
    ['a request instead of a response', /no iSCSI/, (t) => t.say({ opcode: 0x01 }, false)],
    // Byte 4 claims 588 bytes of additional header: only when they have come is the header looked at.
    ['garbage', /no iSCSI/, (t) => t.raw(bytes(700, 0x77))],
    ['a login response', /nothing here asks for/, (t) => t.login(0x87, {})],
    ['a text response', /a text request that nobody sent/, (t) => t.say({ opcode: 0x24 }, true)],
    [
      'a reject',
      /rejects what it was sent.*protocol error/,
      (t) => t.say({ opcode: 0x3f, two: 4, data: bytes(48) }, true),
    ],
    ['a logout answer', /answers a logout that nobody asked for/, (t) => t.say({ opcode: 0x26, itt: 1 }, true)],
    ['task management', /that nobody asked for/, (t) => t.say({ opcode: 0x22, itt: 1 }, true)],
    ['an answer to no ping', /a ping that was never sent/, (t) => t.say({ opcode: 0x20, itt: 5 }, true)],
    [
      'pings without end',
      /does not read the answers/,
      (t) => {
        for (let n = 0; n < 2000 && !t.fault; n++) t.say({ opcode: 0x20, itt: 0xffffffff, words: { 20: n } }, false);
      },
    ],
  ];
  for (const [name, message, act] of acts) {
    it(name, () => {
      const target = new ScriptedTarget().logIn({ MaxBurstLength: '10000' });
      const [write, read, waiting] = [Watched.write([bytes(20000)]), Watched.read(1000), Watched.read(8)];
      target.session.submit(write, 0);
      target.session.submit(read, 0);
      const [w, r] = target.sent();
      act(target, w.itt, r.itt);
      assert.ok(target.fault instanceof Fault, 'the session ended');
      assert.equal(target.fault.blame, 'peer');
      assert.match(target.fault.message, /^10\.0\.0\.9:3260: the target /);
      assert.match(target.fault.message, message);
      target.session.submit(waiting, 0);
      assert.deepEqual([write.ends, read.ends, waiting.ends], [1, 1, 1]);
      assert.equal(write.ending, 'lost');
      const before = target.fault;
      target.raw(bytes(400));
      assert.equal(target.fault, before, 'and it is deaf from then on');
    });
  }

  it('bytes of any kind never hang it, throw or end a command twice', () =>
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 48, maxLength: 600 }),
        fc.integer({ min: 0, max: 63 }),
        (noise, opcode) => {
          const target = new ScriptedTarget().logIn();
          const commands = [Watched.write([bytes(20000)]), Watched.read(1000)];
          for (const command of commands) target.session.submit(command, 0);
          const [w] = target.sent();
          noise[0] = opcode;
          noise[4] = 0;
          noise[5] = 0;
          new DataView(noise.buffer, noise.byteOffset).setUint32(16, w.itt);
          target.raw(noise);
          target.raw(noise);
          target.session.fail(new Fault('local', 'the end'));
          assert.ok(target.fault);
          for (const command of commands) assert.equal(command.ends, 1);
        },
      ),
    ));
});
