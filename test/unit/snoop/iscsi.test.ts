import assert from 'node:assert/strict';
import { blocks, HOST, LU, ScriptedBus, startWrite, TARGET, write } from '../../kit/bus.ts';
import { cdb32, write10 } from '../../kit/cdb.ts';
import { Connection } from '../../kit/connection.ts';
import type { Bytes } from '../../kit/link.ts';
import { text } from '../../kit/pdu.ts';
import { join } from '../parsers/net/build.ts';

const CRC = {
  keys: { HeaderDigest: 'CRC32C,None', DataDigest: 'CRC32C,None' },
  answer: { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' },
};

/** Flips a bit of the byte at `at`. */
function flip(at: number): (bytes: Bytes) => Bytes {
  return (bytes) => {
    bytes[at] ^= 0x10;
    return bytes;
  };
}

/** Blocks 10 and 20 have what was written, and nothing is in doubt. */
function exact(bus: ScriptedBus): void {
  const found = bus.run();
  assert.deepEqual(found.doubt(LU), []);
  assert.deepEqual(
    [10, 20].map((lbn) => found.model(LU).read(lbn, 1)[0]),
    [1, 2],
  );
}

function twoWrites(c: Connection): void {
  write(c, 10, blocks(1));
  write(c, 20, blocks(2));
}

describe('A7 login and text (RFC 7143 section 6)', () => {
  it('keys that are split over PDUs by the C bit (section 6.2)', () => {
    const bus = new ScriptedBus();
    const c = bus.connect();
    const keys = text({ InitiatorName: HOST, TargetName: TARGET, HeaderDigest: 'CRC32C' });
    const cut = keys.length - 30;
    c.loginRequest(keys.subarray(0, cut), { more: true });
    c.loginAnswer(undefined, { step: true });
    c.loginRequest(keys.subarray(cut));
    c.loginAnswer(text({ HeaderDigest: 'CRC32C' }));
    c.headerDigest = true;
    twoWrites(c);
    exact(bus);
  });

  for (const [name, offer, answer, used] of [
    ['None answered to an offer of CRC32C', 'CRC32C,None', 'None', false],
    ['CRC32C answered', 'CRC32C,None', 'CRC32C', true],
    ['CRC32C answered although None was preferred', 'None,CRC32C', 'CRC32C', true],
    ['an offer by the target that the host takes', 'CRC32C', 'CRC32C,None', true],
    ['an offer by the target that the host declines', 'None', 'CRC32C,None', false],
    ['an offer that was rejected', 'CRC32C', 'Reject', false],
  ] as const) {
    it(`digests: ${name} (section 13.1)`, () => {
      const bus = new ScriptedBus();
      const c = bus.login({
        keys: { HeaderDigest: offer, DataDigest: offer },
        answer: { HeaderDigest: answer, DataDigest: answer },
      });
      c.headerDigest = used;
      c.dataDigest = used;
      twoWrites(c);
      exact(bus);
    });
  }

  it('a hole in the login never joins two keys into a name', () => {
    const bus = new ScriptedBus();
    const c = bus.connect({ mss: 100 } as object);
    const narrow = new Connection(Object.assign(c.link, { mss: 48 }));
    const keys = text({ InitiatorName: HOST, TargetName: TARGET, SessionType: 'Normal' });
    narrow.link.wire.wait(1);
    let n = 0;
    const { add } = narrow.link.wire;
    narrow.link.wire.add = (bytes) => {
      // The third segment holds the end of the TargetName.
      if (++n !== 3) add.call(narrow.link.wire, bytes);
    };
    narrow.loginRequest(keys);
    narrow.link.wire.add = add;
    narrow.loginAnswer();
    write(narrow, 10, blocks(1));
    const found = bus.run();
    const lus = new Set(found.changes.map((change) => change.lu));
    assert.deepEqual(lus, new Set([LU]), 'the only volume that it could be is in doubt');
    assert.equal(found.doubt(LU), 'whole');
  });

  it('a discovery session writes nothing and ends cleanly (section 4.3)', () => {
    const bus = new ScriptedBus();
    const c = bus.connect().login({ InitiatorName: HOST, SessionType: 'Discovery' });
    c.text({ SendTargets: 'All' }, { TargetName: TARGET });
    c.logout();
    c.close();
    const found = bus.run();
    assert.deepEqual(found.changes, []);
    assert.deepEqual(found.notices, []);
  });

  it('asynchronous messages, NOPs and a logout are no commands (sections 11.9, 11.14, 11.18)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.ping();
    c.async(1);
    write(c, 20, blocks(2));
    c.logout();
    c.close('target');
    exact(bus);
  });

  it('several connections of one session, CmdSN going over both (section 4.2.2.1)', () => {
    const bus = new ScriptedBus();
    const a = bus.login();
    a.session.tsih = 5;
    const b = bus.login({ session: a.session });
    for (let i = 0; i < 10; i++) write(i % 2 === 0 ? a : b, i % 4 < 2 ? 10 : 20, blocks(i % 4 < 2 ? 1 : 2));
    exact(bus);
  });
});

describe('A7 data (RFC 7143 sections 11.3, 11.7, 11.8)', () => {
  it('immediate, unsolicited and solicited data in any order of BufferOffset', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const out = Uint8Array.from({ length: 8 * 512 }, (_, i) => (i * 7) >> 3);
    const sent = c.command(write10(10, 8), { out, immediate: 512 });
    c.dataOut(sent, 512, 512);
    c.r2t(sent, 3072, 1024, 1);
    c.r2t(sent, 1024, 2048, 2);
    c.dataOut(sent, 3584, 512, { ttt: 1, more: true });
    c.dataOut(sent, 2048, 1024, { ttt: 2, more: true });
    c.dataOut(sent, 3072, 512, { ttt: 1 });
    c.dataOut(sent, 1024, 1024, { ttt: 2 });
    c.status(sent);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(found.model(LU).read(10, 8), out);
  });

  it('data that was never sent is not believed', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(write10(10, 4), { out: blocks(1, 4), immediate: 512 });
    c.dataOut(sent, 1024, 512);
    c.status(sent);
    assert.deepEqual(bus.run().doubt(LU), [
      [11, 1],
      [13, 1],
    ]);
  });

  it('two copies of the same data that differ are both not believed', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(write10(10, 2), { out: blocks(1, 2), immediate: 0 });
    c.r2t(sent, 0, 1024);
    c.dataOut(sent, 0, 1024, { ttt: 7 });
    c.dataOut({ ...sent, out: join(blocks(1), blocks(3)) }, 512, 512, { ttt: 7 });
    c.status(sent);
    assert.deepEqual(bus.run().doubt(LU), [[11, 1]]);
  });

  it('data beyond the EDTL is the peer’s nonsense and breaks nothing', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(write10(10, 1), { out: blocks(1), immediate: 0 });
    c.dataOut({ ...sent, out: blocks(9, 9) }, 512, 2048, {});
    c.status(sent, { sense: Uint8Array.of(0, 3, 0x70, 0, 0x0b) });
    assert.deepEqual(bus.run().doubt(LU), [[10, 1]]);
  });

  it('data in thousands of scattered pieces is given up, not followed', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(write10(10, 64), { out: blocks(1, 64), immediate: 0 });
    for (let at = 4; at < 64 * 512; at += 8) c.dataOut(sent, at, 4, { ttt: 7, more: true });
    c.status(sent);
    assert.deepEqual(bus.run().doubt(LU), [[10, 64]]);
  });

  it('padding and an AHS keep the boundaries (sections 11.2.1.7, 11.2.2)', () => {
    const bus = new ScriptedBus();
    const c = bus.login(CRC);
    c.status(c.command(write10(9, 1), { out: blocks(3).subarray(0, 509) }), { overflow: 3 });
    c.status(c.command(cdb32(0x0b, 10, 1), { out: blocks(1) }));
    write(c, 20, blocks(2));
    exact(bus);
  });
});

describe('A7, A8 digests (RFC 7143 section 11.2.3)', () => {
  it('right ones change nothing', () => {
    const bus = new ScriptedBus();
    twoWrites(bus.login(CRC));
    exact(bus);
  });

  it('a wrong data digest: that data is not believed, its neighbours are', () => {
    const bus = new ScriptedBus();
    const c = bus.login(CRC);
    const sent = c.command(write10(10, 4), { out: blocks(1, 4), immediate: 0 });
    c.r2t(sent, 0, 2048);
    c.dataOut(sent, 0, 1024, { ttt: 7, more: true });
    c.alter = flip(100);
    c.dataOut(sent, 1024, 1024, { ttt: 7 });
    c.status(sent);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[12, 2]]);
    assert.deepEqual(found.doubts, ['digest']);
  });

  it('data that was rejected and sent again is believed (sections 7.2.1, 11.17)', () => {
    const bus = new ScriptedBus();
    const c = bus.login(CRC);
    const sent = c.command(write10(10, 2), { out: blocks(1, 2), immediate: 0 });
    c.r2t(sent, 0, 1024);
    c.alter = flip(100);
    c.dataOut(sent, 0, 1024, { ttt: 7 });
    c.reject(2, new Uint8Array(48));
    c.r2t(sent, 0, 1024, 8);
    c.dataOut(sent, 0, 1024, { ttt: 8 });
    c.status(sent);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(11, 1)[0], 1);
  });

  it('a wrong header digest: the boundary is lost and found again', () => {
    const bus = new ScriptedBus();
    const c = bus.login(CRC);
    write(c, 10, blocks(1));
    c.alter = flip(8);
    c.ping();
    write(c, 20, blocks(2));
    write(c, 30, blocks(3));
    const found = bus.run();
    assert.equal(found.commands.filter((view) => view.ending === 'status').length, 3);
    assert.equal(found.model(LU).read(30, 1)[0], 3);
  });
});

describe('A7 joined in the middle of a session', () => {
  for (const digests of [false, true]) {
    it(`${digests ? 'with' : 'without'} digests: what is sent from there on is exact once it is understood`, () => {
      const bus = new ScriptedBus();
      const c = bus.login(digests ? CRC : {});
      write(c, 5, blocks(9));
      bus.wire.frames.length = 0;
      for (let i = 0; i < 8; i++) write(c, 50 + i, blocks(5));
      write(c, 10, blocks(1));
      write(c, 20, blocks(2));
      const found = bus.run({ volumes: [{ lu: '10.0.0.2:3260/0', blockSize: 512, blocks: 1000 }] });
      const model = found.model('10.0.0.2:3260/0');
      assert.deepEqual(
        [10, 20].map((lbn) => model.read(lbn, 1)[0]),
        [1, 2],
      );
      assert.equal(model.unresolved.intersects(10, 21), false);
    });
  }

  it('a command from before it that gets its status puts the LU in doubt whole', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const before = startWrite(c, 5, blocks(9));
    c.link.ack('target');
    bus.wire.frames.length = 0;
    for (let i = 0; i < 8; i++) write(c, 50 + i, blocks(5));
    c.status(before);
    write(c, 10, blocks(1));
    const lu = '10.0.0.2:3260/0';
    const found = bus.run({ volumes: [{ lu, blockSize: 512, blocks: 1000 }] });
    assert.ok(found.model(lu).wholeDoubts > 0);
    assert.equal(found.model(lu).read(10, 1)[0], 1);
    assert.equal(found.model(lu).unresolved.intersects(10, 11), false);
  });
});
