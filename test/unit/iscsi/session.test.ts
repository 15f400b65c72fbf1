import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Fault } from '../../../src/base/fault.ts';
import { offeredTargets } from '../../../src/iscsi/initiator/sendTargets.ts';
import type { TextPairs } from '../../../src/iscsi/initiator/textAsk.ts';
import { ScriptedTarget, Watched } from './scriptedTarget.ts';

const bytes = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i * 7);
const SECOND = 1e9;

describe('B5 an initiator session (RFC 7143)', () => {
  it('sends a write by what was negotiated: immediate, unsolicited, then what R2Ts ask for, in any order', () => {
    const target = new ScriptedTarget().logIn({
      InitialR2T: 'No',
      FirstBurstLength: '1536',
      MaxBurstLength: '2048',
      MaxRecvDataSegmentLength: '1024',
    });
    const payload = bytes(5000);
    const command = Watched.write([payload.subarray(0, 700), payload.subarray(700)]);
    target.session.submit(command, 0);
    const [first, unsolicited] = target.sent();
    assert.deepEqual([first.opcode, first.flags, first.edtl, first.data.length], [0x01, 0x21, 5000, 1024]);
    assert.deepEqual([unsolicited.opcode, unsolicited.flags, unsolicited.ttt], [0x05, 0x80, 0xffffffff]);
    assert.deepEqual([unsolicited.offset, unsolicited.data.length], [1024, 512]);
    const got = new Uint8Array(5000);
    got.set(first.data, 0);
    got.set(unsolicited.data, 1024);
    target.r2t(first.itt, 0, 3584, 1416, 9);
    target.r2t(first.itt, 1, 1536, 2048, 8);
    const rest = target.sent();
    assert.deepEqual(
      rest.map(({ ttt, dataSn, offset, flags, data }) => [ttt, dataSn, offset, flags, data.length]),
      [
        [9, 0, 3584, 0, 1024],
        [9, 1, 4608, 0x80, 392],
        [8, 0, 1536, 0, 1024],
        [8, 1, 2560, 0x80, 1024],
      ],
    );
    for (const { offset, data } of rest) got.set(data, offset);
    assert.deepEqual(got, payload);
    target.response(first.itt);
    assert.deepEqual([command.ends, command.ending, command.status], [1, 'status', 0]);
  });

  describe('asks by text (RFC 7143 sections 11.10, 11.11, appendix C)', () => {
    const answer = (target: ScriptedTarget, itt: number, data: string, flags = 0x80, ttt = 0xffffffff): void =>
      target.say({ opcode: 0x24, flags, itt, words: { 20: ttt }, data: Buffer.from(data) }, true);
    const asking = (): { target: ScriptedTarget; itt: number; answers: TextPairs[] } => {
      const target = new ScriptedTarget().logIn();
      const answers: TextPairs[] = [];
      target.session.ask([['SendTargets', '']], (pairs) => answers.push(pairs));
      const request = target.one();
      assert.deepEqual([request.opcode, request.immediate, request.flags, request.ttt], [0x04, true, 0x80, 0xffffffff]);
      assert.equal(Buffer.from(request.data).toString(), 'SendTargets=\0');
      return { target, itt: request.itt, answers };
    };

    it('takes an answer in parts, cut anywhere, and addresses to the names before them', () => {
      const { target, itt, answers } = asking();
      answer(target, itt, 'TargetName=iqn.a\0TargetAddr', 0x40, 5);
      const next = target.one();
      assert.deepEqual([next.opcode, next.itt, next.ttt, next.data.length], [0x04, itt, 5, 0]);
      answer(target, itt, 'ess=10.0.0.1:3260,1\0TargetAddress=[fd00::1],2\0', 0, 6);
      assert.equal(target.one().ttt, 6);
      assert.deepEqual(answers, []);
      answer(target, itt, 'TargetName=iqn.b\0TargetName=iqn.a\0TargetAddress=10.0.0.1:3260,1\0TargetAddress=san\0');
      assert.equal(answers.length, 1);
      assert.deepEqual(offeredTargets(answers[0], ''), [
        { name: 'iqn.a', addresses: ['10.0.0.1:3260,1', '[fd00::1],2', 'san'] },
        { name: 'iqn.b', addresses: [] },
      ]);
      // The session goes on.
      const command = Watched.read(8);
      target.session.submit(command, 0);
      target.response(target.one().itt);
      assert.equal(command.ends, 1);
    });

    it('logs in for discovery without a target and without keys that mean nothing there (section 13)', () => {
      const target = new ScriptedTarget({ discovery: true });
      target.session.start(0);
      const first = target.asked();
      assert.deepEqual([first.get('SessionType'), first.has('TargetName')], ['Discovery', false]);
      target.login(0x81, {});
      const keys = target.asked();
      for (const key of ['MaxConnections', 'InitialR2T', 'FirstBurstLength', 'DataPDUInOrder']) {
        assert.equal(keys.has(key), false, key);
      }
      assert.equal(keys.get('HeaderDigest'), 'None');
      target.login(0x87, {});
      assert.equal(target.isUp, true);
      const refused = new ScriptedTarget({ discovery: true });
      refused.session.start(0);
      refused.asked();
      refused.login(0, {}, 0x0202 << 16);
      assert.match(refused.fault?.message ?? '', /refuses the login for discovery/);
    });

    it('H5 blames a target whose answer has no end, no tag to go on by, or answers nothing', () => {
      const endless = asking();
      for (let n = 0; n < 2000 && !endless.target.fault; n++) {
        answer(endless.target, endless.itt, 'x'.repeat(1000), 0, 7);
        endless.target.sent();
      }
      assert.match(endless.target.fault?.message ?? '', /more than 65536 bytes of text/);
      const silent = asking();
      for (let n = 0; n < 2000 && !silent.target.fault; n++) {
        answer(silent.target, silent.itt, '', 0, 7);
        silent.target.sent();
      }
      assert.match(silent.target.fault?.message ?? '', /too many parts/);
      const tagless = asking();
      answer(tagless.target, tagless.itt, 'TargetName=', 0x40);
      assert.match(tagless.target.fault?.message ?? '', /no tag to ask for it by/);
      const twice = asking();
      answer(twice.target, twice.itt, '');
      answer(twice.target, twice.itt, '');
      assert.match(twice.target.fault?.message ?? '', /a text request that nobody sent/);
      for (const { answers } of [endless, silent, tagless]) assert.deepEqual(answers, []);
    });
  });

  it('keeps to the defaults where the target says nothing', () => {
    const target = new ScriptedTarget().logIn();
    target.session.submit(Watched.write([bytes(20000)]), 0);
    const first = target.one();
    // MaxRecvDataSegmentLength 8192, InitialR2T=Yes, ImmediateData=Yes (sections 13.10 to 13.12).
    assert.deepEqual([first.flags, first.data.length], [0xa1, 8192]);
    const none = new ScriptedTarget().logIn({ ImmediateData: 'No' });
    none.session.submit(Watched.write([bytes(20000)]), 0);
    assert.equal(none.one().data.length, 0);
  });

  it('lands data where it belongs, in pieces of any size, and takes the status from the last of it', () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }), (cuts) => {
        const target = new ScriptedTarget().logIn();
        const command = Watched.read(1024);
        target.session.submit(command, 0);
        const { itt, flags } = target.one();
        assert.equal(flags, 0xc1);
        const all: Uint8Array[] = [];
        const collect = target.session.received.bind(target.session);
        target.session.received = (b, at, n) => void all.push(b.slice(at, at + n));
        target.dataIn(itt, 0, 0, bytes(500));
        target.dataIn(itt, 1, 500, bytes(524, 3), 0);
        const stream = Buffer.concat(all);
        for (let at = 0, i = 0; at < stream.length; i++) {
          const n = Math.min(stream.length - at, cuts[i % cuts.length]);
          collect(stream, at, n, 0);
          at += n;
        }
        assert.equal(target.fault, undefined);
        assert.deepEqual([command.ends, command.status, command.received], [1, 0, 1024]);
        assert.deepEqual(command.into, Uint8Array.from([...bytes(500), ...bytes(524, 3)]));
      }),
    ));

  it('sends and checks digests once they were agreed on (section 11.2.3)', () => {
    const target = new ScriptedTarget({ digests: { header: true, data: true } });
    target.logIn({ HeaderDigest: 'CRC32C', DataDigest: 'CRC32C', MaxRecvDataSegmentLength: '65536' });
    target.digests = { header: true, data: true };
    const [write, read] = [Watched.write([bytes(4999), bytes(2)]), Watched.read(10)];
    target.session.submit(write, 0);
    target.session.submit(read, 0);
    const [first, second] = target.sent();
    assert.equal(first.data.length, 5001);
    target.response(first.itt);
    target.dataIn(second.itt, 0, 0, bytes(10), 0);
    assert.deepEqual([write.status, read.status, target.fault], [0, 0, undefined]);
    const damaged = Watched.read(8);
    target.session.submit(damaged, 0);
    const { itt } = target.one();
    target.digests = { header: true, data: false };
    target.dataIn(itt, 0, 0, bytes(8), 0);
    target.raw(new Uint8Array(4));
    assert.match(target.fault?.message ?? '', /digest does not fit/);
    assert.deepEqual([damaged.ends, damaged.ending], [1, 'lost']);
  });

  it('keeps to the window of the target and to its own limit', () => {
    const target = new ScriptedTarget();
    target.window = 3;
    target.logIn();
    const commands = Array.from({ length: 6 }, () => Watched.read(8));
    for (const command of commands) target.session.submit(command, 0);
    const first = target.sent();
    assert.equal(first.length, 3);
    const numbers = first.map(({ cmdSn }) => cmdSn);
    assert.deepEqual(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
    target.dataIn(first[1].itt, 0, 0, bytes(8), 0);
    const next = target.one();
    assert.equal(next.cmdSn, numbers[2] + 1);
    assert.equal(next.expStatSn, target.statSn);
    const narrow = new ScriptedTarget({ commandsMax: 2 }).logIn();
    for (const command of commands.map(() => Watched.read(8))) narrow.session.submit(command, 0);
    const [one] = narrow.sent();
    assert.equal(narrow.session.open, 2);
    narrow.dataIn(one.itt, 0, 0, bytes(8), 0);
    assert.equal(narrow.sent().length, 1);
  });

  it('cuts a payload at whole words where the target takes an odd length, so that only its end is padded', () => {
    const target = new ScriptedTarget().logIn({ MaxRecvDataSegmentLength: '1023', ImmediateData: 'No' });
    target.session.submit(Watched.write([bytes(2045)]), 0);
    const { itt } = target.one();
    target.r2t(itt, 0, 0, 2045);
    assert.deepEqual(
      target.sent().map(({ offset, data }) => [offset, data.length]),
      [
        [0, 1020],
        [1020, 1020],
        [2040, 5],
      ],
    );
  });

  it('keeps a payload until it has been sent, whatever the target answers before', () => {
    const target = new ScriptedTarget().logIn({ MaxRecvDataSegmentLength: '65536' });
    const command = Watched.write([bytes(60000)]);
    target.session.submit(command, 0);
    const { itt } = target.one();
    target.unsent = 30000;
    target.response(itt, 0x08);
    assert.equal(command.ends, 0, 'the socket still has it');
    target.unsent = 0;
    target.session.flushed();
    assert.deepEqual([command.ends, command.status], [1, 0x08]);
  });

  it('answers pings and pings by itself; a silent target is given up', () => {
    const target = new ScriptedTarget().logIn();
    target.say({ opcode: 0x20, itt: 0xffffffff, words: { 20: 0x1234 }, lun: bytes(8, 1) }, false);
    const answer = target.one();
    assert.deepEqual([answer.opcode, answer.immediate, answer.itt, answer.ttt], [0, true, 0xffffffff, 0x1234]);
    target.session.tick(6 * SECOND);
    const ping = target.one();
    assert.deepEqual([ping.opcode, ping.ttt], [0, 0xffffffff]);
    target.now = 7 * SECOND;
    target.say({ opcode: 0x20, itt: ping.itt, words: { 20: 0xffffffff } }, true);
    target.session.tick(8 * SECOND);
    assert.deepEqual(target.sent(), []);
    target.session.tick(13 * SECOND);
    target.one();
    target.session.tick(19 * SECOND);
    assert.match(target.fault?.message ?? '', /10\.0\.0\.9:3260 is silent/);
  });

  describe('time-outs and task management (section 11.5)', () => {
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

  it('logs out, and is told of a logout that the target wants', () => {
    const target = new ScriptedTarget().logIn();
    target.say({ opcode: 0x32, itt: 0xffffffff, words: { 36: 0x01000000, 40: 5 } }, true);
    assert.equal(target.wanted, 5);
    const open = Watched.read(8);
    target.session.submit(open, 0);
    target.sent();
    target.session.logout();
    const { opcode, flags, itt } = target.one();
    assert.deepEqual([opcode, flags], [0x06, 0x80]);
    const late = Watched.read(8);
    target.session.submit(late, 0);
    assert.deepEqual(target.sent(), [], 'nothing is begun behind a logout');
    target.say({ opcode: 0x26, itt }, true);
    assert.deepEqual([target.isOut, open.ends, open.ending, late.ending], [true, 1, 'lost', 'lost']);
  });

  it('hands on sense data that comes with no command, and ends when the target says so', () => {
    const target = new ScriptedTarget().logIn();
    const data = Uint8Array.of(0, 18, 0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x2a, 9, 0, 0, 0, 0);
    target.say({ opcode: 0x32, itt: 0xffffffff, words: { 36: 0 }, data }, true);
    assert.deepEqual([target.senses[0].asc, target.senses[0].ascq], [0x2a, 0x09]);
    target.say({ opcode: 0x32, itt: 0xffffffff, words: { 36: 0x02000000 } }, true);
    assert.match(target.fault?.message ?? '', /drops the connection/);
  });

  describe('a target that talks nonsense is blamed, and every command comes back once (H5)', () => {
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
      [
        'data beyond the end',
        /up to byte 1010 where 1000 were asked for/,
        (t, _w, r) => t.dataIn(r, 0, 0, bytes(1010)),
      ],
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
});
