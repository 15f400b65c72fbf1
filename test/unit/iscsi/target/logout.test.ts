import assert from 'node:assert/strict';
import { parseText } from '../../../../parsers/iscsi/text.ts';
import { text } from '../../../kit/pdu.ts';
import { Bench, bytes, type Host, INITIATOR, TARGET } from './kit.ts';
import { FAST, NONE, ping, second } from './sessionKit.ts';

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
