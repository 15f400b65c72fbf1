import assert from 'node:assert/strict';
import { Fault } from '../../../src/base/fault.ts';
import { Bench, be, type Host, NAA, pattern } from './host.ts';
import { out } from './reserve.ts';

const OTHER = '60014050123456789abcdef0ffffffff';

/** Identification CSCD descriptor, SPC-5 section 6.4.5.2. */
function party(naa: string, flags = 0, type = 0xe4): number[] {
  return [type, flags, 0, 0, 1, 3, 0, 16, ...Buffer.from(naa, 'hex'), 0, 0, 0, 0, 0, ...be(512, 3)];
}

/** Block to block segment descriptor, SPC-5 section 6.4.6.4. */
function segment(from: number, to: number, blocks: number, source: number, target: number): number[] {
  return [2, 0, 0, 0x18, ...be(from, 2), ...be(to, 2), 0, 0, ...be(blocks, 2), ...be(source, 8), ...be(target, 8)];
}

function copy(host: Host, parties: number[][], segments: number[][], id = 7, usage = 0) {
  const [p, s] = [parties.flat(), segments.flat()];
  const list = [id, usage << 3, ...be(p.length, 2), 0, 0, 0, 0, ...be(s.length, 4), 0, 0, 0, 0, ...p, ...s];
  return send(host, Uint8Array.from(list));
}

function send(host: Host, list: Uint8Array, length = list.length) {
  return host.send([0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...be(length, 4), 0, 0], { dataOut: list });
}

const receive = (host: Host, action: number, id = 7) =>
  host.send([0x84, action, id, 0, 0, 0, 0, 0, 0, 0, ...be(512, 4), 0, 0]);

function two(): { bench: Bench; host: Host } {
  const identity = { vendor: 'TAPMIRR', product: 'VOLUME', revision: '0001', serial: 'OTHER', naa: OTHER };
  const bench = new Bench({ luns: [{}, { identity }] });
  return { bench, host: bench.host() };
}

describe('EXTENDED COPY (SPC-5 6.5)', () => {
  it('copies between its logical units, in pieces of bounded size', () => {
    const bench = new Bench({
      blocks: 8192,
      luns: [{}, { identity: { vendor: 'T', product: 'V', revision: '1', serial: 'O', naa: OTHER } }],
    });
    const host = bench.host();
    const data = pattern(5000 * 512, 3);
    bench.medium(0).bytes.set(data, 512);
    const result = copy(host, [party(NAA), party(OTHER)], [segment(0, 1, 5000, 1, 10)]);
    assert.equal(result.status, 0);
    assert.ok(Buffer.compare(bench.medium(1).bytes.subarray(5120, 5120 + data.length), data) === 0);
    for (const request of result.requests) if (request.kind === 'read') assert.ok(request.length <= 0x100000);
    assert.deepEqual(result.requests.at(-1), { kind: 'flush', lu: 101 });
  });

  it('tells once what became of it', () => {
    const { host } = two();
    assert.equal(receive(host, 0).code, 0x2400);
    assert.equal(copy(host, [party(NAA)], [segment(0, 0, 2, 0, 8), segment(0, 0, 2, 0, 16)]).status, 0);
    assert.deepEqual([...receive(host, 0).data], [0, 0, 0, 8, 1, 0, 2, 0, 0, 0, 0, 0]);
    assert.equal(receive(host, 0).code, 0x2400);
    copy(host, [party(NAA)], [segment(0, 0, 2, 0, 8)], 9, 3);
    assert.equal(receive(host, 0, 9).code, 0x2400);
  });

  it('refuses what is wrong before anything is copied', () => {
    const { host, bench } = two();
    const good = [segment(0, 0, 1, 0, 8)];
    const cases: [number[][], number[][], number, number][] = [
      [[party(NAA, 0, 0xe0)], good, 5, 0x2607],
      [[party(NAA)], [...good, [0x03, 0, 0, 4, 0, 0, 0, 0]], 5, 0x2609],
      [new Array(17).fill(party(NAA)), good, 5, 0x2606],
      [[party(NAA)], new Array(65).fill(good[0]), 5, 0x2608],
      [[party(NAA, 0x20)], good, 0xa, 0x0804],
      [[party('6'.repeat(32))], good, 0xa, 0x0804],
      [[party(NAA)], [segment(0, 1, 1, 0, 8)], 0xa, 0x0804],
      [[party(NAA)], [segment(0, 0, 2, 0, 1023)], 0xa, 0x0000],
      [[party(NAA)], [segment(0, 0, 2, 1023, 0)], 0xa, 0x0000],
    ];
    for (const [parties, segments, key, code] of cases) {
      const result = copy(host, parties, segments);
      assert.deepEqual([result.status, result.key, result.code], [2, key, code]);
    }
    assert.ok(bench.medium().durable.length === 0);
    assert.equal(send(host, new Uint8Array(0)).status, 0);
    assert.equal(send(host, new Uint8Array(15)).code, 0x1a00);
    const list = Uint8Array.from([1, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...party(NAA)]);
    assert.equal(send(host, list.subarray(0, 47)).code, 0x1a00);
  });

  it('asks the reservations of the other unit, and its write protection', () => {
    const { bench, host } = two();
    const stranger = bench.host('stranger');
    const order = { sark: 5 };
    const list = [...be(0, 8), ...be(order.sark, 8), ...be(0, 8)];
    const reserveOther = (action: number, data: number[]) =>
      stranger.send([0x5f, action, 3, 0, 0, ...be(24, 4), 0], { lun: 1, dataOut: Uint8Array.from(data) });
    assert.equal(reserveOther(0, list).status, 0);
    assert.equal(reserveOther(1, [...be(5, 8), ...be(0, 16)]).status, 0);
    assert.equal(copy(host, [party(NAA), party(OTHER)], [segment(0, 1, 1, 0, 0)]).status, 0x18);
    assert.equal(copy(host, [party(NAA), party(OTHER)], [segment(1, 0, 1, 0, 0)]).status, 0x18);
    // RECEIVE COPY FAILURE DETAILS of what failed for no sense of its own.
    assert.equal(receive(host, 0).data[4], 2);
    assert.equal(out(host, 0, { sark: 1 }).status, 0);
  });

  it('keeps what failed until it was asked for', () => {
    const { host, bench } = two();
    assert.equal(copy(host, [party(NAA)], [segment(0, 0, 1, 0, 8), segment(0, 0, 2, 0, 1023)]).key, 0xa);
    const { data } = receive(host, 4);
    assert.deepEqual(
      [Buffer.from(data).readUInt32BE(0), data[56], data[60], data[62]],
      [data.length - 4, 2, 0x70, 0xa],
    );
    assert.equal(receive(host, 4).code, 0x2400);
    bench.fail = { kind: 'read', error: new Fault('local', 'broken') };
    assert.equal(copy(host, [party(NAA)], [segment(0, 0, 1, 0, 8)]).key, 3);
    assert.equal(receive(host, 0).data[4], 2);
  });

  it('tells its limits', () => {
    const data = Buffer.from(receive(two().host, 3).data);
    assert.equal(data.readUInt32BE(0), data.length - 4);
    assert.deepEqual([data.readUInt16BE(8), data.readUInt16BE(10), data.readUInt32BE(12)], [16, 64, 65536]);
    assert.deepEqual([...data.subarray(43)], [2, 0x02, 0xe4]);
  });
});
