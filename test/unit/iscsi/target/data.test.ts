import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pdu } from '../../../kit/pdu.ts';
import { Bench, bytes, type Host, rw, type Told } from './kit.ts';

const FAST = { InitialR2T: 'No', ImmediateData: 'Yes', MaxRecvDataSegmentLength: '262144' };
const NONE = 0xffffffff;
const EMPTY = new Uint8Array(0);

/** Status, key and additional codes of a response. */
function sense({ opcode, three, data }: Told): (number | string)[] {
  assert.equal(opcode, 0x21);
  if (data.length === 0) return [three];
  assert.equal((data[0] << 8) | data[1], data.length - 2);
  return [three, data[4] & 15, `${data[14].toString(16)}/${data[15].toString(16)}`];
}

const UNEXPECTED = [2, 11, 'c/c'];
const AMOUNT = [2, 11, 'c/d'];
const DAMAGED = [2, 11, '47/5'];

describe('iSCSI target: what is wrong with data fails its command (RFC 7143 section 11.4.7.2)', () => {
  const untouched = (bench: Bench): void => assert.ok(bench.device.memory.every((byte) => byte === 0));

  function fails(
    keys: Readonly<Record<string, string>>,
    go: (host: Host) => void,
    expected: (number | string)[],
  ): void {
    const bench = new Bench();
    const host = bench.connect().in({ ...FAST, ...keys });
    go(host);
    const told = host.told().filter(({ opcode }) => opcode !== 0x31);
    assert.deepEqual(told.map(sense), [expected]);
    untouched(bench);
    assert.deepEqual([bench.device.ended, bench.runs.length], [1, 0]);
    // The session goes on.
    host.read(50, 0, 1);
    assert.equal(host.one().flags, 0x81);
  }

  it('immediate data that was not agreed on', () =>
    fails({ ImmediateData: 'No' }, (host) => host.write(1, 0, 2, bytes(1024)), UNEXPECTED));
  it('immediate data beyond the first burst', () =>
    fails({ FirstBurstLength: '512' }, (host) => host.write(1, 0, 2, bytes(1024)), AMOUNT));
  it('immediate data beyond the expected length', () =>
    fails({}, (host) => host.write(1, 0, 2, bytes(1024), 0xa1, 512), AMOUNT));
  it('immediate data of a read', () => fails({}, (host) => host.read(1, 0, 1, 512, { data: bytes(512) }), UNEXPECTED));
  it('unsolicited data that was not agreed on, told once it has come', () =>
    fails(
      { InitialR2T: 'Yes' },
      (host) => {
        host.write(1, 0, 2, EMPTY, 0x21);
        assert.deepEqual(host.told(), []);
        host.dataOut(1, NONE, 0, 0, bytes(1024), true);
      },
      UNEXPECTED,
    ));
  it('unsolicited data after its end', () =>
    fails(
      { FirstBurstLength: '512' },
      (host) => {
        host.write(1, 0, 4, bytes(512));
        const { ttt } = host.one();
        host.dataOut(1, NONE, 0, 512, bytes(512), true);
        host.dataOut(1, ttt, 0, 512, bytes(1536), true);
      },
      UNEXPECTED,
    ));
  it('unsolicited data beyond the first burst', () =>
    fails(
      { FirstBurstLength: '1024' },
      (host) => {
        host.write(1, 0, 4, bytes(512), 0x21);
        host.dataOut(1, NONE, 0, 512, bytes(1024), true);
      },
      AMOUNT,
    ));
  it('a data PDU that is missing', () =>
    fails(
      {},
      (host) => {
        host.write(1, 0, 4, EMPTY, 0x21);
        host.dataOut(1, NONE, 1, 0, bytes(2048), true);
      },
      DAMAGED,
    ));
  it('data at another offset', () =>
    fails(
      {},
      (host) => {
        host.write(1, 0, 4, EMPTY, 0x21);
        host.dataOut(1, NONE, 0, 512, bytes(512), true);
      },
      DAMAGED,
    ));
  it('a sequence that ends early', () =>
    fails(
      { FirstBurstLength: '512' },
      (host) => {
        host.write(1, 0, 4, EMPTY);
        host.dataOut(1, host.one().ttt, 0, 0, bytes(512), true);
      },
      AMOUNT,
    ));
  it('more than was asked for', () =>
    fails(
      { MaxBurstLength: '1024', FirstBurstLength: '512' },
      (host) => {
        host.write(1, 0, 4, EMPTY);
        host.dataOut(1, host.one().ttt, 0, 0, bytes(2048), true);
      },
      AMOUNT,
    ));
  it('a wrong number in an answer to an R2T', () =>
    fails(
      {},
      (host) => {
        host.write(1, 0, 4, EMPTY);
        host.dataOut(1, host.one().ttt, 1, 0, bytes(2048), true);
      },
      DAMAGED,
    ));

  it('waits for what is still on its way before it tells (section 11.4.2)', () => {
    const host = new Bench()
      .connect()
      .in({ ...FAST, MaxBurstLength: '512', FirstBurstLength: '512', MaxOutstandingR2T: '2' });
    host.write(1, 0, 4, EMPTY);
    const [first, second] = host.told();
    host.dataOut(1, first.ttt, 3, 0, bytes(512), true);
    assert.deepEqual(host.told(), []);
    host.dataOut(1, second.ttt, 0, 512, bytes(512), true);
    assert.deepEqual(sense(host.one()), DAMAGED);
  });

  it('rejects data for a transfer that there is not, and passes over what a former command left (section 11.17)', () => {
    const bench = new Bench();
    const host = bench.connect().in(FAST);
    host.write(1, 0, 4, EMPTY);
    const { ttt } = host.one();
    host.dataOut(1, ttt + 1, 0, 0, bytes(512), true);
    const reject = host.one();
    assert.deepEqual([reject.opcode, reject.two, reject.data.length], [0x3f, 9, 48]);
    assert.equal(reject.data[0], 0x05);
    host.dataOut(77, ttt, 0, 0, bytes(512), true);
    assert.deepEqual(host.told(), []);
    host.dataOut(1, ttt, 0, 0, bytes(2048), true);
    assert.deepEqual(sense(host.one()), [0]);
  });

  it('takes no more than the command does: the rest of the expected data is not asked for (section 11.4.5)', () => {
    const bench = new Bench();
    const host = bench.connect().in({ ...FAST, FirstBurstLength: '512' });
    host.write(1, 0, 2, bytes(512), 0xa1, 4096);
    const asked = host.one();
    assert.deepEqual([asked.opcode, asked.w40, asked.w44], [0x31, 512, 512]);
    host.dataOut(1, asked.ttt, 0, 512, bytes(512, 2), true);
    const told = host.one();
    assert.deepEqual([told.flags, told.w44], [0x82, 3072]);
    assert.deepEqual(bench.device.memory.subarray(512, 1024), bytes(512, 2));
    assert.equal(bench.device.memory[1024], 0);
  });

  it('tells an early failure only after unsolicited data, and asks for nothing', () => {
    const bench = new Bench();
    bench.device.script = () => ({
      takes: 0,
      outcome: () => ({ status: 2, sense: Uint8Array.from([0x70, 0, 5, ...new Array<number>(15).fill(0)]) }),
    });
    const host = bench.connect().in(FAST);
    host.ask({ opcode: 1, flags: 0x21, itt: 4, words: { 20: 4096 }, cdb: rw(0x7f, 0, 0), data: bytes(512) });
    assert.deepEqual(host.told(), []);
    host.dataOut(4, NONE, 0, 512, bytes(512), true);
    const told = host.one();
    assert.deepEqual([told.three, told.data[4] & 15, told.flags, told.w44], [2, 5, 0x82, 4096]);
  });

  it('lands data of any shape in its place', () =>
    fc.assert(
      fc.property(
        fc.record({
          blocks: fc.integer({ min: 1, max: 300 }),
          immediate: fc.integer({ min: 0, max: 70000 }),
          unsolicited: fc.integer({ min: 0, max: 70000 }),
          first: fc.integer({ min: 512, max: 70000 }),
          burst: fc.integer({ min: 512, max: 70000 }),
          r2ts: fc.integer({ min: 1, max: 8 }),
          pieces: fc.array(fc.integer({ min: 1, max: 40000 }), { minLength: 1, maxLength: 8 }),
          digests: fc.boolean(),
        }),
        ({ blocks, immediate, unsolicited, first, burst, r2ts, pieces, digests }) => {
          const bench = new Bench();
          const digest = digests ? 'CRC32C' : 'None';
          const host = bench.connect().in({
            ...FAST,
            FirstBurstLength: String(first),
            MaxBurstLength: String(burst),
            MaxOutstandingR2T: String(r2ts),
            HeaderDigest: digest,
            DataDigest: digest,
          });
          host.digests = { header: digests, data: digests };
          const whole = bytes(blocks * 512, blocks);
          const may = Math.min(first, burst, whole.length);
          const now = Math.min(immediate, may);
          const more = Math.min(unsolicited, may - now);
          host.write(1, 3, blocks, whole.subarray(0, now), more > 0 ? 0x21 : 0xa1);
          let piece = 0;
          const send = (ttt: number, from: number, to: number): void => {
            let sn = 0;
            for (let at = from; at < to; ) {
              const n = Math.min(to - at, pieces[piece++ % pieces.length]);
              host.dataOut(1, ttt, sn++, at, whole.subarray(at, at + n), at + n === to);
              at += n;
            }
          };
          if (more > 0) send(NONE, now, now + more);
          let told = host.told();
          while (told.some(({ opcode }) => opcode === 0x31)) {
            for (const { opcode, ttt, w40, w44 } of told) {
              assert.equal(opcode, 0x31);
              assert.ok(w44 <= burst);
              send(ttt, w40, w40 + w44);
            }
            told = host.told();
          }
          assert.deepEqual(told.map(sense), [[0]]);
          assert.deepEqual(bench.device.memory.subarray(1536, 1536 + whole.length), whole);
        },
      ),
      { numRuns: 60 },
    ));
});

describe('iSCSI target: digests (RFC 7143 section 7.8)', () => {
  const both = { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' };

  function agreed(bench: Bench): Host {
    const host = bench.connect().in({ ...FAST, ...both });
    host.digests = { header: true, data: true };
    return host;
  }

  function damaged(host: Host, header: Parameters<typeof pdu>[0], at: number): void {
    const sent = Uint8Array.from(pdu(header, host.digests));
    sent[at < 0 ? sent.length + at : at] ^= 0x10;
    host.raw(sent);
  }

  it('ends the connection over a damaged header', () => {
    const bench = new Bench();
    const host = agreed(bench);
    damaged(host, { opcode: 0, flags: 0x80, itt: 1, words: { 20: NONE, 24: host.cmdSn } }, 30);
    assert.deepEqual([host.line.closing, bench.device.closed.length], ['reset', 1]);
  });

  it('rejects damaged data, and fails its command once the rest has come', () => {
    const bench = new Bench();
    const host = agreed(bench);
    const words = { 20: 1024, 24: host.cmdSn++ };
    damaged(host, { opcode: 1, flags: 0x21, itt: 1, words, cdb: rw(0x2a, 0, 2), data: bytes(512) }, -8);
    const reject = host.one();
    assert.deepEqual([reject.opcode, reject.two, reject.data[0]], [0x3f, 2, 1]);
    host.dataOut(1, NONE, 0, 512, bytes(512), true);
    assert.deepEqual(sense(host.one()), DAMAGED);
    assert.ok(bench.device.memory.every((byte) => byte === 0));
    host.write(2, 0, 2, bytes(512), 0x21);
    damaged(host, { opcode: 5, flags: 0x80, itt: 2, words: { 20: NONE, 36: 0, 40: 512 }, data: bytes(512) }, 60);
    assert.deepEqual(
      host.told().map(({ opcode }) => opcode),
      [0x3f, 0x21],
    );
    damaged(host, { opcode: 0, flags: 0x80, itt: 3, words: { 20: NONE, 24: host.cmdSn++ }, data: bytes(16) }, 55);
    assert.deepEqual([host.one().opcode], [0x3f], 'a ping whose data is damaged is not answered');
    host.write(4, 0, 1, bytes(512));
    assert.deepEqual(sense(host.one()), [0]);
  });
});
