import assert from 'node:assert/strict';
import { parseWriteUsingToken } from '../../../parsers/scsi/copy.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { isParseFault } from '../../../src/base/fault.ts';
import { Bench, be, type Host, pattern } from './host.ts';

type Range = [number, number];

const ranges = (list: readonly Range[]) =>
  list.flatMap(([lbn, blocks]) => [...be(lbn, 8), ...be(blocks, 4), 0, 0, 0, 0]);

/** POPULATE TOKEN, SBC-4 section 5.12. */
function populate(host: Host, list: readonly Range[], id = 1, head: readonly number[] = [0, 0], lun = 0) {
  const body = ranges(list);
  const data = [...be(body.length + 14, 2), ...head, 0, 0, 0, 0, ...be(0, 4), 0, 0, ...be(body.length, 2), ...body];
  const cdb = [0x83, 0x10, 0, 0, 0, 0, ...be(id, 4), ...be(data.length, 4), 0, 0];
  return host.send(cdb, { dataOut: Uint8Array.from(data), lun });
}

/** WRITE USING TOKEN, SBC-4 section 5.59. */
function using(
  host: Host,
  token: Uint8Array,
  list: readonly Range[],
  options: { offset?: number; id?: number; lun?: number; deletes?: boolean } = {},
) {
  const body = ranges(list);
  const flags = options.deletes ? 2 : 0;
  const data = [...be(body.length + 534, 2), flags, 0, 0, 0, 0, 0, ...be(options.offset ?? 0, 8), ...token];
  data.push(0, 0, 0, 0, 0, 0, ...be(body.length, 2), ...body);
  const cdb = [0x83, 0x11, 0, 0, 0, 0, ...be(options.id ?? 2, 4), ...be(data.length, 4), 0, 0];
  const bytes = Uint8Array.from(data);
  // What taps in the field read of it.
  const seen = parseWriteUsingToken(bytes, 0, bytes.length);
  assert.ok(!isParseFault(seen) && seen.extents.length === list.filter(([, blocks]) => blocks > 0).length);
  return host.send(cdb, { dataOut: bytes, lun: options.lun ?? 0 });
}

function information(host: Host, id: number, lun = 0) {
  const result = host.send([0x84, 0x07, ...be(id, 4), 0, 0, 0, 0, ...be(1024, 4), 0, 0], { lun });
  const data = Buffer.from(result.data);
  if (result.status !== 0) return { code: result.code, status: -1, transferred: -1, token: new Uint8Array(0) };
  assert.equal(data.readUInt32BE(0), data.length - 4);
  const length = data.readUInt32BE(32);
  assert.equal(data.length, 36 + length);
  const transferred = Number(data.readBigUInt64BE(16));
  return { code: 0, status: data[5], transferred, token: Uint8Array.from(data.subarray(38)) };
}

function stage(): { bench: Bench; host: Host } {
  const bench = new Bench({ luns: [{}, {}], blocks: 8192 });
  bench.medium(0).bytes.set(pattern(8192 * 512, 5));
  return { bench, host: bench.host() };
}

function tokenOf(host: Host, list: readonly Range[], id = 1): Uint8Array {
  assert.equal(populate(host, list, id).status, 0);
  return information(host, id).token;
}

describe('ROD tokens (SBC-4 4.28, SPC-5 6.4)', () => {
  it('name a unit that bears the long names of another by its own', () => {
    const bytes = new Uint8Array(200).fill(0x41);
    const identity = { vendor: 'V', product: 'P', revision: '1', serial: 'S', naa: '6'.repeat(32) };
    const designators = [{ association: 0, type: 1, codeSet: 2, bytes }];
    const host = new Bench({ blocks: 64, identity: { ...identity, designators } }).host();
    assert.equal(tokenOf(host, [[0, 8]]).length, 512);
  });

  it('carry data from ranges to others, of another unit too', () => {
    const { bench, host } = stage();
    const token = tokenOf(host, [
      [100, 3000],
      [10, 5],
    ]);
    assert.equal(token.length, 512);
    assert.deepEqual([...token.subarray(0, 8)], [0x00, 0x80, 0x00, 0x01, 0, 0, 0x01, 0xf8]);
    assert.equal(Number(Buffer.from(token).readBigUInt64BE(56)), 3005 * 512);
    const expected = Buffer.concat([
      pattern(8192 * 512, 5).subarray(51200, 3100 * 512),
      pattern(8192 * 512, 5).subarray(5120, 7680),
    ]);
    const places: Range[] = [
      [4000, 7],
      [0, 2998],
    ];
    const result = using(host, token, places, { lun: 1 });
    assert.equal(result.status, 0);
    const { bytes } = bench.medium(1);
    const written = Buffer.concat([bytes.subarray(4000 * 512, 4007 * 512), bytes.subarray(0, 2998 * 512)]);
    assert.ok(written.equals(expected));
    assert.deepEqual([information(host, 2, 1).status, information(host, 2, 1).transferred], [1, 3005]);
    for (const request of result.requests) if (request.kind === 'read') assert.ok(request.length <= 0x100000);
    assert.equal(result.requests.at(-1)?.kind, 'flush');
  });

  it('are used in part, and say where they end', () => {
    const { bench, host } = stage();
    const token = tokenOf(host, [[0, 10]]);
    assert.equal(using(host, token, [[100, 4]], { offset: 3, lun: 1 }).status, 0);
    assert.deepEqual(copyOf(bench.medium(1).bytes, 51200, 51200 + 2048), copyOf(pattern(8192 * 512, 5), 1536, 3584));
    assert.deepEqual([information(host, 2, 1).status, information(host, 2, 1).transferred], [3, 4]);
    assert.equal(using(host, token, [[100, 20]], { offset: 8, lun: 1 }).status, 0);
    assert.deepEqual([information(host, 2, 1).status, information(host, 2, 1).transferred], [4, 2]);
    assert.equal(using(host, token, [[100, 1]], { offset: 10, lun: 1 }).code, 0x2600);
  });

  it('end when a block of theirs changes, by whatever command, and not when others do', () => {
    const { host } = stage();
    const block = pattern(512, 9);
    const token = tokenOf(host, [[10, 10]]);
    host.send([0x2a, 0, ...be(20, 4), 0, 0, 1, 0], { dataOut: block });
    host.send([0x2a, 0, ...be(9, 4), 0, 0, 1, 0], { dataOut: block });
    assert.equal(using(host, token, [[100, 10]], { lun: 1 }).status, 0);
    const writes: (() => unknown)[] = [
      () => host.send([0x2a, 0, ...be(19, 4), 0, 0, 1, 0], { dataOut: block }),
      () => host.send([0x93, 0, ...be(0, 8), ...be(11, 4), 0, 0], { dataOut: block }),
      () => host.send([0x8b, 0, ...be(12, 8), ...be(1, 4), 0, 0], { dataOut: block }),
      () => using(host, tokenOf(host, [[500, 1]], 9), [[15, 1]]),
    ];
    for (const write of writes) {
      const next = tokenOf(host, [[10, 10]]);
      write();
      assert.equal(using(host, next, [[100, 10]], { lun: 1 }).code, 0x2306);
    }
  });

  it('end when a write that was under way lands', () => {
    const { host } = stage();
    const block = pattern(512, 9);
    const task = host.begin([0x2a, 0, ...be(10, 4), 0, 0, 1, 0], { dataOut: block });
    const steps = task.run([block]);
    steps.next();
    const token = tokenOf(host, [[10, 1]]);
    steps.next();
    task.end();
    assert.equal(using(host, token, [[100, 1]], { lun: 1 }).code, 0x2306);
  });

  it('of zeros need nobody to have made them', () => {
    const { bench, host } = stage();
    const token = new Uint8Array(512);
    token.set([0xff, 0xff, 0x00, 0x01, 0, 0, 0x01, 0xf8]);
    assert.equal(using(host, token, [[3, 2]]).status, 0);
    assert.ok(
      bench
        .medium()
        .bytes.subarray(1536, 2560)
        .every((byte) => byte === 0),
    );
    assert.notEqual(bench.medium().bytes[2561], 0);
    assert.deepEqual([information(host, 2).status, information(host, 2).transferred], [1, 2]);
  });

  it('are refused where they are unknown, deleted, too large or wrong', () => {
    const { host } = stage();
    const token = tokenOf(host, [[0, 4]]);
    assert.equal(using(host, token, [[100, 4]], { deletes: true }).status, 0);
    assert.equal(using(host, token, [[100, 4]]).code, 0x2304);
    assert.equal(using(host, new Uint8Array(512), [[100, 4]]).code, 0x2301);
    const other = tokenOf(host, [[0, 4]]);
    assert.equal(using(host, Uint8Array.from(other).fill(1, 6, 8), [[100, 4]]).code, 0x230a);
    assert.equal(using(host, other, [[8190, 4]]).code, 0x2100);
    assert.equal(using(host, other, []).code, 0x2600);
    assert.equal(
      using(host, other, [
        [100, 4],
        [103, 2],
      ]).code,
      0x2600,
    );
    assert.equal(populate(host, [[8190, 4]]).code, 0x2100);
    assert.equal(
      populate(host, [
        [0, 4],
        [3, 1],
      ]).code,
      0x2600,
    );
    assert.equal(populate(host, new Array(65).fill([0, 0])).code, 0x2608);
    assert.equal(information(host, 77).code, 0x2400);
    assert.equal(
      host.send([0x83, 0x10, 0, 0, 0, 0, ...be(1, 4), ...be(8, 4), 0, 0], { dataOut: new Uint8Array(8) }).code,
      0x1a00,
    );
    assert.equal(host.send([0x83, 0x11, 0, 0, 0, 0, ...be(1, 4), ...be(0, 4), 0, 0]).status, 0);
  });

  it('are as many as there is room for, the newest ones', () => {
    const { host } = stage();
    const first = tokenOf(host, [[0, 1]]);
    for (let i = 0; i < 64; i += 1) tokenOf(host, [[i, 1]], 5);
    assert.equal(using(host, first, [[100, 1]]).code, 0x2304);
    assert.equal(using(host, tokenOf(host, [[63, 1]]), [[100, 1]]).status, 0);
  });

  it('do not go round a reservation', () => {
    const { bench, host } = stage();
    const token = tokenOf(host, [[0, 4]]);
    const other = bench.host('other');
    assert.equal(other.send([0x16, 0, 0, 0, 0, 0]).status, 0);
    assert.equal(using(host, token, [[100, 4]], { lun: 1 }).status, 0x18);
    assert.equal(information(host, 2, 1).code, 0x2400);
  });
});
