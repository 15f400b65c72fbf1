import assert from 'node:assert/strict';
import { blocks, LU, ScriptedBus, startWrite, write } from '../../kit/bus.ts';
import { ACK, PSH, RST } from '../../kit/link.ts';
import { data } from '../parsers/net/build.ts';

describe('A6 TCP (RFC 9293)', () => {
  it('sequence numbers that wrap (section 3.4)', () => {
    const bus = new ScriptedBus();
    const c = bus.login({ hostSeq: 0xffffff00, targetSeq: 0xffffff80 });
    write(c, 10, blocks(1, 8));
    write(c, 11, blocks(2, 4));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(
      [10, 11, 17].map((lbn) => found.model(LU).read(lbn, 1)[0]),
      [1, 2, 1],
    );
    assert.equal(found.holeBytes, 0);
  });

  it('segments that come twice, overlap, and come out of order', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const { frames } = bus.wire;
    const from = frames.length;
    const sent = startWrite(c, 10, blocks(1, 16));
    const mine = frames.splice(from);
    frames.push(...mine.slice(3), ...mine.slice(0, 3), ...mine.slice(1, 2));
    for (const [i, frame] of frames.slice(from).entries()) frame.at = mine[0].at + i * 1000;
    c.link.raw('host', c.link.host.seq - 700, new Uint8Array(700).fill(1), PSH | ACK);
    c.status(sent);
    c.link.ack('host');
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(new Set(found.model(LU).read(10, 16)), new Set([1]));
  });

  it('bytes that the receiver has and the capture has not are a hole of known length', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = c.command(Uint8Array.of(0x2a, 0, 0, 0, 0, 10, 0, 0, 16, 0), { out: blocks(1, 16), immediate: 0 });
    c.r2t(sent, 0, 8192);
    const from = bus.wire.frames.length;
    c.dataOut(sent, 0, 8192, { ttt: 7 });
    bus.wire.frames.splice(from + 2, 1);
    c.status(sent);
    write(c, 40, blocks(2));
    bus.wait(1000);
    c.ping();
    const found = bus.run();
    assert.equal(found.holeBytes, 1448);
    // Bytes 2848 to 4296 of the data: the blocks from 5 to 8 of the sixteen.
    assert.deepEqual(found.doubt(LU), [[15, 4]]);
    assert.equal(found.model(LU).read(40, 1)[0], 2);
  });

  it('a snap length that keeps headers only still gives exact extents', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    bus.wire.snaplen = 14 + 20 + 20 + 48;
    write(c, 10, blocks(1, 2));
    write(c, 20, blocks(2, 2));
    c.link.ack('host');
    assert.deepEqual(bus.run().doubt(LU), [
      [10, 2],
      [20, 2],
    ]);
  });

  it('a stray segment far ahead, a stray RST and keep-alives disturb nothing (RFC 5961 section 3.2)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const sent = startWrite(c, 10, blocks(1));
    c.link.raw('host', (c.link.host.seq + 0x20000000) >>> 0, data(500), PSH | ACK);
    c.link.raw('host', (c.link.host.seq + 0x30000000) >>> 0, new Uint8Array(0), RST | ACK);
    c.link.ack('target');
    c.link.raw('host', c.link.host.seq - 1, new Uint8Array(1), ACK);
    c.link.raw('target', c.link.target.seq - 1, new Uint8Array(0), ACK);
    c.status(sent);
    write(c, 20, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.holeBytes, 0);
  });

  it('segments longer than the MSS, as offload shows them', () => {
    const bus = new ScriptedBus();
    const c = bus.login({ mss: 30_000 });
    write(c, 10, blocks(1, 100));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(109, 1)[0], 1);
  });

  it('two copies that differ: the one with a right checksum counts', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const seq = c.link.host.seq;
    const sent = startWrite(c, 10, blocks(1));
    const payload = new Uint8Array(560).fill(3);
    c.link.alter = (segment) => {
      segment[17] ^= 0xff;
      return segment;
    };
    c.link.raw('host', seq, payload, PSH | ACK);
    c.link.alter = undefined;
    c.status(sent);
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.equal(found.model(LU).read(10, 1)[0], 1);
  });

  it('two copies that differ with right checksums: neither is believed', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    const seq = c.link.host.seq;
    const sent = startWrite(c, 10, blocks(1));
    c.link.raw('host', seq + 48, new Uint8Array(512).fill(3), PSH | ACK);
    c.status(sent);
    write(c, 20, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), [[10, 1]]);
    assert.equal(found.model(LU).read(20, 1)[0], 2);
  });

  it('both sides close at once (section 3.6)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    write(c, 10, blocks(1));
    c.logout();
    c.link.ack('host');
    c.link.host.lateAcks = true;
    c.link.target.lateAcks = true;
    c.link.fin('host');
    c.link.fin('target');
    c.link.ack('host');
    c.link.ack('target');
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(found.notices, []);
  });

  it('the same ports again are a new connection', () => {
    const bus = new ScriptedBus();
    const first = bus.login({ hostPort: 41000 });
    write(first, 10, blocks(1));
    first.logout();
    first.close();
    const second = bus.login({ hostPort: 41000, hostSeq: 900_000_000, targetSeq: 77 });
    write(second, 20, blocks(2));
    const found = bus.run();
    assert.deepEqual(found.doubt(LU), []);
    assert.deepEqual(
      [10, 20].map((lbn) => found.model(LU).read(lbn, 1)[0]),
      [1, 2],
    );
    assert.equal(new Set(found.commands.map((view) => view.stream)).size, 2);
  });

  it('any single frame may be missing: what is not called unresolved is right (A8)', () => {
    const bus = new ScriptedBus();
    const c = bus.login();
    for (let i = 0; i < 12; i++) {
      write(c, 10 + i, blocks(i + 1, 3));
      if (i % 4 === 3) c.ping();
    }
    c.logout();
    c.close();
    const truth = bus.run().model(LU).read(0, 64);
    for (let gone = 1; gone <= bus.wire.frames.length; gone++) {
      const found = bus.run({ without: (frame) => frame === gone });
      const model = found.model(LU);
      model.unresolved.gaps(0, 64, (start, end) => {
        const wanted = truth.subarray(start * 512, end * 512);
        assert.deepEqual(model.read(start, end - start), wanted, `blocks ${start} to ${end} without frame ${gone}`);
      });
    }
  });
});
