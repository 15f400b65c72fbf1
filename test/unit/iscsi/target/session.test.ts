import assert from 'node:assert/strict';
import { parseText } from '../../../../parsers/iscsi/text.ts';
import { pdu, text } from '../../../kit/pdu.ts';
import { Bench, bytes, type Host, INITIATOR, rw, TARGET } from './kit.ts';

const NONE = 0xffffffff;
const FAST = { InitialR2T: 'No', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '262144' };

function ping(host: Host, itt: number, more: { immediate?: boolean; cmdSn?: number; data?: Uint8Array } = {}): void {
  const words = { 20: NONE, ...(more.cmdSn === undefined ? {} : { 24: more.cmdSn }) };
  host.ask({
    opcode: 0,
    flags: 0x80,
    itt,
    words,
    data: more.data ?? new Uint8Array(0),
    immediate: more.immediate === true,
  });
}

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

/** A second connection of the session. */
function second(bench: Bench, one: Host, cid = 2): Host {
  const two = bench.connect();
  two.cid = cid;
  two.tsih = one.tsih;
  two.cmdSn = one.cmdSn;
  two.login(0x87, { ...two.names(), MaxRecvDataSegmentLength: '262144' });
  const told = two.one();
  assert.deepEqual([told.w36, told.bhs[14] * 256 + told.bhs[15]], [0, one.tsih]);
  return two;
}

describe('iSCSI target: sessions (RFC 7143 section 6.3)', () => {
  it('a session that comes again takes the place of the former, once its tasks do nothing more (section 6.3.5)', () => {
    const bench = new Bench();
    bench.eager = false;
    const before = bench.connect().in(FAST);
    before.write(1, 0, 1, bytes(512));
    const again = bench.connect();
    again.login(0x87, again.names());
    assert.deepEqual([again.told(), before.line.closing, bench.stopped.length], [[], 'reset', 1]);
    assert.equal(bench.device.closed.length, 0);
    bench.giveUp(bench.runs[0]);
    const told = again.one();
    assert.deepEqual([told.w36, told.flags], [0, 0x87]);
    assert.deepEqual([bench.device.closed, bench.device.open_.size], [[1], 1]);
    before.line.ended();
    assert.equal(bench.device.open_.size, 1);
    again.read(3, 0, 1);
    bench.go(bench.runs[0]);
    assert.equal(again.one().itt, 3);
  });

  it('a new session of the same initiator waits for tasks that a lost connection left', () => {
    const bench = new Bench();
    bench.eager = false;
    const before = bench.connect().in(FAST);
    before.write(1, 0, 1, bytes(512));
    before.line.ended();
    assert.deepEqual([bench.stopped.length, bench.node.idle], [1, false]);
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 7, 7, 7, 7, 7);
    other.login(0x87, other.names());
    assert.deepEqual(other.told(), []);
    bench.giveUp(bench.runs[0]);
    assert.equal(other.one().w36, 0);
    assert.deepEqual(bench.releases.length, 1);
  });

  it('refuses a login that would wait for ever', () => {
    const bench = new Bench({ limits: { loginMs: 1000 } });
    bench.eager = false;
    const before = bench.connect().in(FAST);
    before.write(1, 0, 1, bytes(512));
    before.line.ended();
    const other = bench.connect();
    other.login(0x87, other.names());
    bench.now += 1.1e9;
    bench.node.tick(bench.now);
    assert.deepEqual([other.one().w36 >>> 16, other.line.closing], [0x0301, 'end']);
    bench.giveUp(bench.runs[0]);
    assert.equal(bench.node.idle, true);
  });

  it('several sessions of one initiator stand beside each other, each a nexus of its own', () => {
    const bench = new Bench();
    const one = bench.connect().in(FAST);
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.in(FAST);
    assert.equal(bench.device.open_.size, 2);
    assert.notEqual(one.tsih, other.tsih);
    one.read(1, 0, 1);
    other.read(1, 0, 1);
    assert.deepEqual([one.one().itt, other.one().itt], [1, 1]);
    assert.deepEqual(
      bench.device.begun.map(({ nexus }) => nexus),
      [1, 2],
    );
    one.line.ended();
    assert.equal(bench.device.open_.size, 1);
  });

  it('takes as many connections as were agreed on, and ends with the first that is lost (section 7.1.5)', () => {
    const bench = new Bench();
    const one = bench.connect().in({ ...FAST, MaxConnections: '2' });
    const two = second(bench, one);
    const three = bench.connect();
    three.cid = 3;
    three.tsih = one.tsih;
    three.login(0x87, three.names());
    assert.equal(three.one().w36 >>> 16, 0x0206);
    assert.deepEqual(
      bench.node.sessions().map(({ connections, initiator }) => [connections.map(({ cid }) => cid), initiator]),
      [[[1, 2], INITIATOR]],
    );
    two.line.ended();
    assert.deepEqual([one.line.closing, bench.node.idle, bench.device.open_.size], ['reset', true, 0]);
  });

  it('joins only the session of the same initiator port', () => {
    const bench = new Bench();
    const one = bench.connect().in({ ...FAST, MaxConnections: '2' });
    for (const change of [
      { InitiatorName: 'iqn.2024-01.example:other' },
      { TargetName: TARGET, InitiatorName: 'iqn.2024-01.example:hos' },
    ]) {
      const two = bench.connect();
      two.cid = 2;
      two.tsih = one.tsih;
      two.login(0x87, two.names(change));
      assert.equal(two.one().w36 >>> 16, 0x020a);
    }
    const port = bench.connect();
    port.tsih = one.tsih;
    port.isid = Uint8Array.of(0x80, 1, 2, 3, 4, 6);
    port.login(0x87, port.names());
    assert.equal(port.one().w36 >>> 16, 0x020a);
  });

  it('a connection that comes again takes the place of the former (section 6.3.4)', () => {
    const bench = new Bench();
    bench.eager = false;
    const one = bench.connect().in({ ...FAST, MaxConnections: '2' });
    const two = second(bench, one);
    two.read(5, 0, 1);
    one.cmdSn = two.cmdSn;
    const again = bench.connect();
    again.cid = 2;
    again.tsih = one.tsih;
    again.login(0x87, again.names());
    assert.deepEqual([again.told(), two.line.closing], [[], 'reset']);
    bench.giveUp(bench.runs[0]);
    assert.equal(again.one().w36, 0);
    two.line.ended();
    bench.eager = true;
    one.read(6, 0, 1);
    assert.deepEqual([one.one().itt, bench.node.sessions()[0].connections.length], [6, 2]);
  });

  it('ends where a connection is lost that was to take the place of the former', () => {
    const bench = new Bench();
    bench.eager = false;
    const one = bench.connect().in(FAST);
    one.read(5, 0, 1);
    const again = bench.connect();
    again.tsih = one.tsih;
    again.login(0x87, again.names());
    one.line.ended();
    again.line.ended();
    assert.equal(bench.node.idle, false);
    bench.giveUp(bench.runs[0]);
    assert.deepEqual([bench.node.idle, bench.device.open_.size], [true, 0]);
  });

  it('has as many sessions and connections as may be', () => {
    const bench = new Bench({ limits: { sessions: 1, connections: 3 } });
    bench.connect().in();
    const other = bench.connect();
    other.isid = Uint8Array.of(0x80, 9, 9, 9, 9, 9);
    other.login(0x87, other.names());
    assert.equal(other.one().w36 >>> 16, 0x0302);
    const idle = bench.connect();
    const seeker = bench.connect();
    assert.deepEqual(
      [idle.line.closing, bench.notices.at(-1)],
      ['reset', '10.0.0.7:40000 has to make place for others'],
    );
    seeker.login(0x87, { InitiatorName: INITIATOR, SessionType: 'Discovery' });
    assert.equal(seeker.one().w36, 0, 'discovery does not count');
    bench.connect();
    assert.equal(seeker.line.closing, 'reset');
    for (const line of [idle.line, other.line, seeker.line]) line.ended();
    assert.equal(bench.node.sessions().length, 1);
  });

  it('lets nobody in whom it would have to drop another for', () => {
    const bench = new Bench({ limits: { connections: 2 } });
    const one = bench.connect().in({ MaxConnections: '2' });
    second(bench, one);
    assert.throws(() => bench.connect(), /not accepted/);
    one.line.ended();
    bench.connect();
  });

  it('ends sessions with targets that are gone', () => {
    const bench = new Bench();
    const host = bench.connect().in();
    bench.node.change([{ name: TARGET, device: bench.device }]);
    assert.equal(host.line.closing, 'no');
    bench.node.change([]);
    assert.deepEqual([host.line.closing, bench.node.idle], ['reset', true]);
  });
});

describe('iSCSI target: logout (RFC 7143 section 11.14)', () => {
  const logout = (host: Host, reason: number, cid = host.cid, immediate = true): void =>
    host.ask({ opcode: 6, immediate, flags: 0x80 | reason, itt: 90, words: { 20: cid << 16 } });

  it('closes the session, once no task does anything more', () => {
    const bench = new Bench();
    bench.eager = false;
    const host = bench.connect().in(FAST);
    host.read(1, 0, 1);
    host.write(2, 0, 8, new Uint8Array(0));
    assert.equal(host.one().opcode, 0x31);
    logout(host, 0);
    host.read(3, 0, 1);
    assert.deepEqual([host.told(), bench.device.begun.length, bench.device.ended], [[], 2, 1]);
    bench.giveUp(bench.runs[0]);
    const told = host.one();
    assert.deepEqual([told.opcode, told.two, told.itt, host.line.closing], [0x26, 0, 90, 'end']);
    assert.deepEqual([bench.device.closed.length, bench.node.idle], [1, true]);
  });

  it('closes one connection of several, its own or another', () => {
    const bench = new Bench();
    const one = bench.connect().in({ ...FAST, MaxConnections: '3' });
    const two = second(bench, one);
    const three = second(bench, one, 3);
    logout(one, 1, 2);
    assert.deepEqual([one.one().two, two.line.closing], [0, 'reset']);
    two.line.ended();
    logout(three, 1);
    assert.deepEqual([three.one().two, three.line.closing], [0, 'end']);
    three.line.ended();
    logout(one, 1, 2);
    assert.equal(one.one().two, 1, 'no such connection');
    one.read(1, 0, 1);
    assert.equal(one.one().itt, 1);
    logout(one, 1, 1, false);
    assert.deepEqual([one.one().two, bench.node.idle], [0, true]);
  });

  it('has no recovery to offer (section 11.15.1)', () => {
    const host = new Bench().connect().in();
    logout(host, 2);
    assert.deepEqual([host.one().two, host.line.closing], [2, 'no']);
  });
});

describe('iSCSI target: pings, text, events', () => {
  it('answers pings with their data, as much as is taken (section 11.18)', () => {
    const host = new Bench().connect().in({ MaxRecvDataSegmentLength: '512' });
    ping(host, 4, { data: bytes(700), immediate: true });
    const told = host.one();
    assert.deepEqual([told.opcode, told.itt, told.ttt, told.data.length], [0x20, 4, NONE, 512]);
    ping(host, NONE, { immediate: true });
    assert.deepEqual([host.one().opcode], [0x3f]);
  });

  it('pings who is silent, and drops who does not answer', () => {
    const bench = new Bench();
    const host = bench.connect().in();
    const later = (seconds: number): void => {
      bench.now += seconds * 1e9;
      bench.node.tick(bench.now);
    };
    later(14);
    assert.deepEqual(host.told(), []);
    later(2);
    const asked = host.one();
    assert.deepEqual([asked.opcode, asked.itt, asked.statSn], [0x20, NONE, host.expStatSn]);
    assert.notEqual(asked.ttt, NONE);
    host.ask({ opcode: 0, immediate: true, flags: 0x80, itt: NONE, words: { 20: asked.ttt } });
    later(14);
    later(2);
    assert.equal(host.one().opcode, 0x20);
    later(16);
    assert.deepEqual([host.line.closing, bench.node.idle], ['reset', true]);
    assert.match(bench.notices.join('\n'), /does not answer/);
  });

  it('drops who does not log in, does not take what waits, or does not send what was asked for', () => {
    const bench = new Bench({ limits: { loginMs: 1000, pongMs: 1000, dataMs: 1000, pingMs: 1e6 } });
    const later = (seconds: number): void => {
      bench.now += seconds * 1e9;
      bench.node.tick(bench.now);
    };
    const idle = bench.connect();
    later(1.5);
    assert.equal(idle.line.closing, 'reset');
    const host = bench.connect().in(FAST);
    host.write(1, 0, 8, new Uint8Array(0));
    host.told();
    later(1.5);
    assert.equal(host.line.closing, 'reset');
    host.line.ended();
    const slow = bench.connect().in(FAST);
    slow.read(1, 0, 100);
    slow.line.take();
    later(0.1);
    later(0.5);
    assert.equal(slow.line.closing, 'no');
    later(0.8);
    assert.equal(slow.line.closing, 'reset');
    assert.equal(bench.releases.length, 0);
    slow.line.ended();
    assert.equal(bench.releases.length, 1);
    assert.deepEqual([bench.node.idle, bench.node.bytes], [true, 0]);
  });

  it('asks for a logout, and logs in nobody any more (section 11.9.1)', () => {
    const bench = new Bench();
    const host = bench.connect().in();
    const early = bench.connect();
    bench.node.stop(5);
    const told = host.one();
    assert.deepEqual([told.opcode, told.itt, told.w36 >>> 24, told.w40 & 0xffff], [0x32, NONE, 1, 5]);
    assert.equal(early.line.closing, 'reset');
    assert.throws(() => bench.connect());
    bench.node.dropAll();
    assert.deepEqual([host.line.closing, bench.node.idle], ['reset', true]);
  });

  it('rejects what it does not offer (section 11.17.1)', () => {
    const host = new Bench().connect().in();
    host.say({ opcode: 0x10, flags: 0x80, itt: 1 });
    host.ask({ opcode: 0x1c, flags: 0x80, itt: 1, data: Uint8Array.of(1, 2) });
    host.login(0x87, host.names());
    assert.deepEqual(
      host.told().map(({ opcode, two, data }) => [opcode, two, data[0]]),
      [
        [0x3f, 3, 0x10],
        [0x3f, 5, 0x1c],
        [0x3f, 4, 0x43],
      ],
    );
    ping(host, 3);
    assert.equal(host.one().itt, 3);
  });

  describe('discovery (appendix C)', () => {
    const targets = (bench: Bench) =>
      Array.from({ length: 60 }, (_, i) => ({
        name: `iqn.2024-01.example:${i}`,
        device: bench.device,
        ...(i % 2 === 1 ? { allow: { initiators: ['iqn.2024-01.example:else'] } } : {}),
        ...(i === 2 ? { portals: ['10.0.0.9:3260', '[fd66::9]:3260'], tag: 4 } : {}),
      }));

    function discover(): { bench: Bench; host: Host } {
      const bench = new Bench();
      bench.node.change(targets(bench));
      const host = bench.connect();
      host.login(0x87, { InitiatorName: INITIATOR, SessionType: 'Discovery', MaxRecvDataSegmentLength: '512' });
      assert.equal(host.one().w36, 0);
      return { bench, host };
    }

    it('tells whoever asks what he may use, in parts', () => {
      const { bench, host } = discover();
      host.ask({ opcode: 4, flags: 0x80, itt: 5, words: { 20: NONE }, data: text({ SendTargets: 'All' }) });
      const parts: Uint8Array[] = [];
      let told = host.one();
      while (told.flags === 0x40) {
        assert.notEqual(told.ttt, NONE);
        parts.push(told.data);
        host.ask({ opcode: 4, flags: 0x80, itt: 5, words: { 20: told.ttt } });
        told = host.one();
      }
      assert.deepEqual([told.opcode, told.flags, told.ttt], [0x24, 0x80, NONE]);
      const said = Buffer.concat([...parts, told.data])
        .toString()
        .split('\0')
        .filter(Boolean);
      const name = (i: number) => `TargetName=iqn.2024-01.example:${i}`;
      assert.deepEqual(said.slice(0, 5), [
        name(0),
        'TargetAddress=10.0.0.9:3260,1',
        name(2),
        'TargetAddress=10.0.0.9:3260,4',
        'TargetAddress=[fd66::9]:3260,4',
      ]);
      assert.equal(said.filter((line) => line.startsWith('TargetName')).length, 30);
      assert.equal(bench.device.open_.size, 0);
    });

    it('does nothing else', () => {
      const { bench, host } = discover();
      host.read(1, 0, 1);
      host.manage(5, 2);
      ping(host, 3);
      assert.deepEqual(
        host.told().map(({ opcode, two }) => [opcode, two]),
        [
          [0x3f, 4],
          [0x3f, 4],
          [0x3f, 4],
        ],
      );
      assert.deepEqual([bench.device.begun.length, bench.device.orders.length], [0, 0]);
      host.ask({ opcode: 6, immediate: true, flags: 0x80, itt: 9 });
      assert.deepEqual([host.one().opcode, host.line.closing], [0x26, 'end']);
      assert.equal(bench.node.idle, true);
    });
  });

  it('tells a session of its own target only, and negotiates what may be (section 13)', () => {
    const bench = new Bench();
    const host = bench.connect().in();
    const asks = (keys: Readonly<Record<string, string>>, ttt = NONE, flags = 0x80): void =>
      host.ask({ opcode: 4, flags, itt: 5, words: { 20: ttt }, data: text(keys) });
    asks({ SendTargets: '' });
    assert.deepEqual(Object.fromEntries(parseText(host.one().data)), {
      TargetName: TARGET,
      TargetAddress: '10.0.0.9:3260,1',
    });
    asks({ SendTargets: 'All', HeaderDigest: 'None', 'X-a': 'b', MaxRecvDataSegmentLength: '4096' });
    assert.deepEqual(Object.fromEntries(parseText(host.one().data)), {
      SendTargets: 'Reject',
      HeaderDigest: 'Reject',
      'X-a': 'NotUnderstood',
    });
    host.read(1, 0, 16);
    assert.equal(host.told()[0].data.length, 4096);
    asks({ A: 'b' }, 99);
    assert.deepEqual([host.one().two], [9]);
    asks({ SendTargets: 'iqn.2024-01.example:else' });
    assert.equal(host.one().data.length, 0);
    asks({ A: 'b' }, NONE, 0xc0);
    assert.equal(host.one().two, 4, 'both final and continued');
    asks({ A: 'b' }, NONE, 0x00);
    const open = host.one();
    assert.deepEqual([open.flags, parseText(open.data).get('A')], [0, 'NotUnderstood']);
    asks({}, open.ttt);
    assert.deepEqual([host.one().flags], [0x80]);
  });
});
