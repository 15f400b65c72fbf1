import assert from 'node:assert/strict';
import { Bench, bytes, INITIATOR, TARGET } from './kit.ts';
import { FAST, second } from './sessionKit.ts';

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
