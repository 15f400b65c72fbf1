import assert from 'node:assert/strict';
import fc from 'fast-check';
import { blocks, claim, LU, startWrite, sync, TARGET, write } from '../../kit/bus.ts';
import { inquiry, sense, write10 } from '../../kit/cdb.ts';
import type { Connection } from '../../kit/connection.ts';
import { InlineBus } from '../../kit/inline.ts';
import { join } from '../parsers/net/build.ts';

/** What one connection sent, whoever carried it: a few writes of every shape, with and without digests. */
function traffic(c: Connection): void {
  write(c, 0, blocks(1, 4));
  const sent = startWrite(c, 8, join(blocks(2), blocks(3), blocks(4)), { immediate: 512 });
  c.r2t(sent, 512, 1024);
  c.dataOut(sent, 1024, 512, { more: true });
  c.dataOut(sent, 512, 512);
  c.status(sent);
  c.ask(inquiry(0x80), blocks(9).subarray(0, 40));
  c.status(startWrite(c, 20, blocks(5)), { sense: sense(5, 0x21) });
  sync(c);
  write(c, 1, blocks(6, 2));
}

describe('A3 an inline stream', () => {
  it('finds the same however its bytes are cut, with and without digests', () => {
    const digests = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.boolean(), (most, withDigests) => {
        const bus = new InlineBus();
        const c = bus.login({ most, ...(withDigests ? { keys: digests, answer: digests } : {}) });
        traffic(c);
        c.close();
        const found = bus.finish();
        assert.equal(found.commands.length, 6);
        assert.deepEqual(found.doubt(LU), []);
        assert.deepEqual(found.model(LU).read(0, 4), join(blocks(1), blocks(6, 2), blocks(1)));
        assert.deepEqual(found.model(LU).read(8, 3), join(blocks(2), blocks(3), blocks(4)));
        assert.deepEqual(found.model(LU).read(20, 1), blocks(0));
        assert.equal(found.barriers.length, 1);
        assert.deepEqual(found.notices, []);
      }),
      { numRuns: 60 },
    );
  });

  it('tells where a command will write before its call returns', () => {
    const bus = new InlineBus();
    const c = bus.login();
    const sent = startWrite(c, 5, blocks(1, 2), { immediate: 0 });
    assert.deepEqual(bus.intents, [[LU, 5 * 512, 1024]]);
    assert.equal(bus.found.changes.length, 0);
    c.dataOut(sent, 0, 1024);
    c.status(sent);
    assert.equal(bus.found.changes.length, 1);
    bus.finish();
  });

  it('knows which host bytes announce nothing', () => {
    const bus = new InlineBus();
    const c = bus.login();
    const sent = startWrite(c, 0, blocks(1, 8), { immediate: 0 });
    c.r2t(sent, 0, 4096);
    assert.equal(c.link.stream.announcesNothing(1), false);
    let asked = 0;
    c.alter = (bytes) => {
      c.link.send('host', bytes.subarray(0, 48 + 96));
      assert.equal(c.link.stream.announcesNothing(3999), true);
      assert.equal(c.link.stream.announcesNothing(4000), false);
      asked++;
      return bytes.subarray(48 + 96);
    };
    c.dataOut(sent, 0, 4096);
    assert.equal(asked, 1);
    c.status(sent);
    assert.deepEqual(bus.finish().doubt(LU), []);
  });

  it('orders connections as it was called: a write after another one’s status is exact', () => {
    const bus = new InlineBus();
    const a = bus.login();
    const b = bus.login({ isid: 2 });
    write(a, 0, blocks(1));
    write(b, 0, blocks(2));
    // In flight at the same time on the same block: wire order is not medium order (requirement B2).
    const first = startWrite(a, 4, blocks(3));
    const second = startWrite(b, 4, blocks(4));
    b.status(second);
    a.status(first);
    assert.deepEqual(bus.found.model(LU).read(0, 1), blocks(2));
    assert.deepEqual(bus.found.doubt(LU), [[4, 1]]);
    bus.finish();
  });

  it('does not keep a change back for another connection’s status', () => {
    const bus = new InlineBus();
    const a = bus.login();
    const b = bus.login({ isid: 2 });
    startWrite(a, 4, blocks(3));
    write(b, 4, blocks(4));
    assert.equal(bus.found.changes.length, 1);
    assert.equal(bus.found.changes[0].doubt, 'overlap');
    bus.finish();
  });

  it('follows sessions over IPv6 and of discovery', () => {
    const v6 = (last: number) => Uint8Array.from([0xfd, ...new Array(14).fill(0), last]);
    const bus = new InlineBus();
    const c = bus.login({ addresses: [v6(1), v6(2)] });
    write(c, 0, blocks(1));
    const { connection: d, link } = bus.connect();
    d.login({ InitiatorName: 'iqn.x:finder', SessionType: 'Discovery' });
    d.text({ SendTargets: 'All' }, { TargetName: TARGET, TargetAddress: '[fd00::2]:3260,1' });
    assert.deepEqual(link.stream.session, { host: 'iqn.x:finder', target: undefined, discovery: true });
    d.logout();
    d.close();
    assert.equal(bus.finish().commands[0].target, TARGET);
    assert.deepEqual(bus.found.doubt(LU), []);
  });

  it('lets bytes that are no iSCSI pass', () => {
    const bus = new InlineBus({ volumes: [claim({ portals: ['10.0.0.2:3260'] })] });
    const { link } = bus.connect();
    link.send(
      'host',
      Uint8Array.from(Buffer.from(`GET / HTTP/1.1\r\nHost: example.com\r\nX: ${'-'.repeat(300)}\r\n\r\n`)),
    );
    assert.equal(link.stream.foreign, true);
    link.send('target', blocks(7));
    link.rst('target');
    const found = bus.finish();
    assert.deepEqual(found.changes, []);
    assert.deepEqual(found.notices, []);
  });

  for (const [how, end] of [
    ['a reset', (c: Connection & { link: { rst(from: 'host'): void } }) => c.link.rst('host')],
    ['both FINs', (c: Connection) => c.close()],
  ] as const) {
    it(`leaves what ${how} cut off in doubt until it can no longer land (B6)`, () => {
      const bus = new InlineBus({ settleMs: 1000 });
      const c = bus.login();
      startWrite(c, 3, blocks(1));
      end(c);
      assert.deepEqual(bus.found.doubt(LU), [[3, 1]]);
      assert.equal(bus.found.changes[0].doubt, 'aborted');
      assert.equal(bus.snoop.outstanding(LU)?.tasks, 1);
      bus.wait(1500);
      assert.equal(bus.snoop.outstanding(LU)?.tasks, 0);
      assert.equal(bus.found.changes.length, 2);
      bus.finish();
    });
  }

  for (const held of [true, false]) {
    it(`a reset ends a write for good ${held ? 'unless the unit still holds it back' : 'that has gone on'} (B6)`, () => {
      const bus = new InlineBus({ settleMs: 1000 });
      const [c, other] = [bus.login(), bus.login({ isid: 2 })];
      c.link.stream.heldBack = () => held;
      startWrite(c, 5, blocks(1));
      other.managed(other.manage(5));
      assert.equal(bus.found.model(LU).unresolved.intersects(5, 6), true);
      assert.equal(bus.snoop.outstanding(LU)?.tasks, held ? 1 : 0);
      bus.wait(1500);
      assert.equal(bus.snoop.outstanding(LU)?.tasks, 0);
      assert.equal(bus.found.changes.length, held ? 2 : 1);
      c.close();
      bus.finish();
    });
  }

  it('does not take its own end of a connection for a restart of the target (B2b)', () => {
    const bus = new InlineBus();
    const c = bus.login();
    write(c, 0, blocks(1));
    c.link.stream.close(bus.wire.now);
    const again = bus.login();
    again.status(startWrite(again, 9, blocks(2)), { sense: sense(6, 0x29) });
    assert.deepEqual(bus.finish().doubts, []);
  });

  it('sees the target restart behind it (B2b)', () => {
    const bus = new InlineBus();
    const c = bus.login();
    write(c, 0, blocks(1));
    c.link.rst('target');
    const again = bus.login();
    again.status(startWrite(again, 9, blocks(2)), { sense: sense(6, 0x29) });
    assert.deepEqual(bus.finish().doubts, ['cache-loss']);
  });

  it('goes on following a session whose place another one took, where both ends go on', () => {
    const bus = new InlineBus();
    const old = bus.login();
    write(old, 0, blocks(1));
    const fresh = bus.login();
    for (let i = 0; i < 40; i++) write(old, i + 1, blocks(2));
    write(fresh, 100, blocks(3));
    const found = bus.finish();
    // Without its login nothing proves which volume it writes to.
    assert.equal(found.doubt(LU), 'whole');
    assert.ok(found.commands.length > 20);
    assert.ok(found.doubts.includes('identity'));
  });
});

describe('A3 statuses of writes, for a gate', () => {
  it('are told once each, with the byte their PDU starts at, after their change', () => {
    for (const most of [1, 5, 48, 100, 4096]) {
      const bus = new InlineBus();
      const c = bus.login();
      c.link.most = most;
      const told: string[] = [];
      let passed = 0;
      const { stream } = c.link;
      const { fromTarget } = stream;
      stream.fromTarget = (bytes, offset, length, time) => {
        fromTarget.call(stream, bytes, offset, length, time);
        passed += length;
      };
      stream.onStatus = (lu, status, ordinal, at) =>
        told.push(`${lu} ${status} ${ordinal} ${passed + at} ${bus.found.changes.length}`);
      const first = startWrite(c, 0, blocks(1));
      c.ask(inquiry(0x80), blocks(9).subarray(0, 40));
      c.status(first);
      c.status(startWrite(c, 1, blocks(2)), { status: 8 });
      // Where the header came in pieces the earlier ones have gone on by then.
      const gone = Math.floor(47 / most) * most;
      assert.deepEqual(told, [`${LU} 0 1 ${88 + gone} 1`, `${LU} 8 3 ${136 + gone} 1`], `in runs of ${most}`);
      bus.finish();
    }
  });
});

describe('A3 an inline stream whose decoding hit a bug', () => {
  it('leaves its volumes in doubt whole while it lives, and once more at its end', () => {
    const bus = new InlineBus();
    const c = bus.login();
    write(c, 0, blocks(1));
    startWrite(c, 1, blocks(2));
    assert.deepEqual(c.link.stream.abandon(), [LU]);
    assert.equal(bus.room.lent.size, 0);
    assert.equal(bus.found.model(LU).wholeDoubts, 1);
    assert.equal(bus.found.changes.at(-1)?.doubt, 'unseen');
    assert.equal(bus.snoop.outstanding(LU)?.blocks, undefined);
    const changes = bus.found.changes.length;
    write(c, 2, blocks(3));
    assert.equal(bus.found.changes.length, changes);
    c.link.stream.close(bus.wire.now);
    assert.equal(bus.found.model(LU).wholeDoubts, 2);
    // The task that was open may still land; nothing else is unknown any more.
    assert.deepEqual(bus.snoop.outstanding(LU)?.blocks?.toRanges(), [[1, 1]]);
    c.link.stream.close(bus.wire.now);
    assert.equal(bus.found.model(LU).wholeDoubts, 2);
    bus.finish();
  });

  it('before its login it could be any configured volume', () => {
    const other = claim({ lu: 'iqn.2001-04.com.example:other/3' });
    const bus = new InlineBus({ volumes: [claim(), other] });
    const { link } = bus.connect();
    assert.deepEqual(link.stream.abandon(), [LU, other.lu]);
    link.stream.close(bus.wire.now);
    bus.finish();
  });

  it('does not throw, whatever the bug left', () => {
    const bus = new InlineBus({
      sink: {
        change: () => {
          throw new Error('a sink that fails');
        },
      },
    });
    const c = bus.login();
    assert.throws(() => write(c, 0, blocks(1)), /a sink that fails/);
    assert.deepEqual(c.link.stream.abandon(), [LU]);
    assert.equal(bus.snoop.outstanding(LU)?.blocks, undefined);
    c.link.stream.close(bus.wire.now);
    assert.notEqual(bus.snoop.outstanding(LU)?.blocks, undefined);
  });
});

describe('B6 the clock of a snoop', () => {
  it('goes on when nothing passes', () => {
    const bus = new InlineBus({ settleMs: 500 });
    const c = bus.login();
    c.status(c.command(write10(0, 1), { out: blocks(1) }));
    startWrite(c, 7, blocks(1));
    c.link.rst('target');
    bus.wait(100);
    assert.equal(bus.snoop.outstanding(LU)?.tasks, 1);
    bus.wait(600);
    assert.equal(bus.snoop.outstanding(LU)?.tasks, 0);
    bus.finish();
  });
});
