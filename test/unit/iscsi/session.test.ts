import assert from 'node:assert/strict';
import fc from 'fast-check';
import { copyOf } from '../../../src/base/bytes.ts';
import { offeredTargets } from '../../../src/iscsi/initiator/sendTargets.ts';
import type { TextPairs } from '../../../src/iscsi/initiator/textAsk.ts';
import { bytes, ScriptedTarget, SECOND, Watched } from './scriptedTarget.ts';

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
        target.session.received = (b, at, n) => void all.push(copyOf(b, at, at + n));
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

  it('H2 says that a target is silent before it is given up, until it says anything', () => {
    const target = new ScriptedTarget().logIn();
    const tick = (from: number, to: number): void => {
      for (let at = from; at <= to; at += 0.25) target.session.tick(at * SECOND);
    };
    const open = Watched.read(8);
    open.limitNs = 60 * SECOND;
    target.session.submit(open, 0);
    const command = target.one();
    tick(0, 5.25);
    const ping = target.one();
    assert.deepEqual([ping.opcode, ping.ttt], [0, 0xffffffff]);
    tick(5.5, 7.25);
    assert.equal(target.session.silent, false, 'it has two seconds for the answer');
    tick(7.5, 9);
    assert.equal(target.session.silent, true);
    assert.deepEqual([target.fault, open.ends], [undefined, 0], 'nothing has failed of it');
    target.now = 9 * SECOND;
    target.say({ opcode: 0x20, itt: ping.itt, words: { 20: 0xffffffff } }, true);
    assert.equal(target.session.silent, false);
    // It takes its time for what was asked, and answers pings meanwhile.
    for (let at = 10; at < 40; at += 7) {
      tick(at, at + 5.75);
      const [next] = target.sent();
      target.now = (at + 6) * SECOND;
      target.say({ opcode: 0x20, itt: next.itt, words: { 20: 0xffffffff } }, true);
      tick(at + 6, at + 6.75);
      assert.equal(target.session.silent, false, `at ${at} s`);
    }
    target.response(command.itt, 0x08);
    assert.deepEqual([open.ends, open.status], [1, 0x08]);
  });

  it('H2 takes no target for silent that it has not listened to', () => {
    const target = new ScriptedTarget().logIn();
    target.session.tick(6 * SECOND);
    target.one();
    // The process stood still: what came meanwhile is read after this.
    target.session.tick(8.25 * SECOND);
    assert.equal(target.session.silent, false);
    for (let at = 8.5; at <= 10.5; at += 0.25) target.session.tick(at * SECOND);
    assert.equal(target.session.silent, true);
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
});
