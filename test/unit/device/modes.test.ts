import assert from 'node:assert/strict';
import { Bench, be, type Host, pattern } from './host.ts';

const sense6 = (page: number, flags = 0, sub = 0, length = 255) => [0x1a, flags, page, sub, length, 0];
const sense10 = (page: number, flags = 0, sub = 0, length = 4096) => [
  0x5a,
  flags,
  page,
  sub,
  0,
  0,
  0,
  ...be(length, 2),
  0,
];
const WRITE = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const TUR = [0, 0, 0, 0, 0, 0];

function select6(host: Host, page: readonly number[], save = false, head: readonly number[] = [0, 0, 0, 0]) {
  const list = [...head, ...page];
  return host.send([0x15, save ? 0x11 : 0x10, 0, 0, list.length, 0], { dataOut: Uint8Array.from(list) });
}

function page(host: Host, code: number, control = 0): number[] {
  const { data } = host.send(sense6((control << 6) | code, 0x08));
  assert.equal(data[0], data.length - 1);
  return [...data.subarray(4)];
}

describe('MODE SENSE (SPC-5 6.14)', () => {
  it('has header, block descriptor and page', () => {
    const host = new Bench({ blocks: 1000, cache: true }).host();
    const { data } = host.send(sense6(0x08));
    assert.deepEqual([...data.subarray(0, 12)], [31, 0, 0x10, 8, ...be(1000, 4), 0, ...be(512, 3)]);
    assert.deepEqual([...data.subarray(12, 16)], [0x88, 18, 0x04, 0]);
    const long = host.send(sense10(0x08, 0x10)).data;
    assert.deepEqual(
      [...long.subarray(0, 24)],
      [0, 42, 0, 0x10, 1, 0, 0, 16, ...be(1000, 8), 0, 0, 0, 0, ...be(512, 4)],
    );
    assert.equal(host.send(sense10(0x08, 0x08)).data.length, 8 + 20);
  });

  it('has current, changeable, default and saved values', () => {
    const host = new Bench({ cache: true }).host();
    assert.equal(select6(host, [0x08, 18, 0, ...new Array(17).fill(0)]).status, 0);
    assert.deepEqual(
      [0, 1, 2, 3].map((control) => page(host, 0x08, control)[2]),
      [0, 4, 4, 4],
    );
    assert.equal(page(new Bench().host(), 0x08)[2], 0);
    assert.equal(page(new Bench().host(), 0x08, 1)[2], 0);
  });

  it('has all pages in order, subpages where they are asked for', () => {
    const host = new Bench().host();
    const codes = (data: Uint8Array): string[] => {
      const list: string[] = [];
      for (let at = 4; at < data.length; ) {
        const long = (data[at] & 0x40) !== 0;
        list.push(`${(data[at] & 0x3f).toString(16)}${long ? `-${data[at + 1]}` : ''}`);
        at += long ? 4 + data[at + 2] * 256 + data[at + 3] : 2 + data[at + 1];
      }
      return list;
    };
    assert.deepEqual(codes(host.send(sense6(0x3f, 8)).data), ['1', '2', '8', 'a', '1c']);
    assert.deepEqual(codes(host.send(sense6(0x3f, 8, 0xff)).data), ['1', '2', '8', 'a', 'a-1', '1c']);
    assert.deepEqual(codes(host.send(sense6(0x0a, 8, 0xff)).data), ['a', 'a-1']);
    assert.deepEqual(codes(host.send(sense6(0x0a, 8, 0x01)).data), ['a-1']);
    for (const cdb of [sense6(0x3e), sense6(0x0a, 0, 2), sense6(0x3f, 0, 3)]) assert.equal(host.send(cdb).code, 0x2400);
    assert.equal(host.send(sense6(0x3f, 0, 0, 10)).data.length, 10);
  });
});

describe('MODE SELECT (SPC-5 6.12)', () => {
  it('write protects by software, tells others, and not the one who did it', () => {
    const bench = new Bench();
    const one = bench.host('one');
    const two = bench.host('two');
    const control = page(one, 0x0a);
    control[0] = 0x0a;
    control[4] |= 0x08;
    assert.equal(select6(one, control).status, 0);
    assert.equal(one.send(TUR).status, 0);
    const told = two.send(TUR);
    assert.deepEqual([told.key, told.code], [6, 0x2a01]);
    const refused = one.send(WRITE, { dataOut: pattern(512, 1) });
    assert.deepEqual([refused.key, refused.code], [7, 0x2700]);
    assert.equal(one.send(sense6(0x0a)).data[2], 0x90);
    // The same again changes nothing that anybody has to be told.
    assert.equal(select6(one, control).status, 0);
    assert.equal(two.send(TUR).status, 0);
  });

  it('gives sense data the format that D_SENSE asks for', () => {
    const host = new Bench().host();
    const control = page(host, 0x0a);
    control[0] = 0x0a;
    control[2] |= 0x04;
    select6(host, control);
    const { sense, code, key } = host.send([0x28, 0, ...be(1024, 4), 0, 0, 1, 0]);
    assert.deepEqual([sense?.[0], key, code], [0x72, 5, 0x2100]);
    // Information descriptor with the first block that is not there.
    assert.deepEqual([...(sense as Uint8Array).subarray(7, 20)], [12, 0, 0x0a, 0x80, 0, ...be(1024, 8)]);
    const field = host.send([0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0]).sense as Uint8Array;
    assert.deepEqual([...field.subarray(7)], [8, 2, 6, 0, 0, 0xcf, 0, 1, 0]);
  });

  it('turns the cache off after what lies in it was written', () => {
    const bench = new Bench({ cache: true });
    const host = bench.host();
    host.send(WRITE, { dataOut: pattern(512, 1) });
    const off = [0x08, 18, 0, ...new Array(17).fill(0)];
    const result = select6(host, off, true);
    assert.deepEqual(
      result.requests.map(({ kind }) => kind),
      ['flush', 'keep'],
    );
    host.send(WRITE, { dataOut: pattern(512, 1) });
    assert.deepEqual(bench.medium().durable, [false, true]);
    const kept = bench.kept.get('100 modes') as Uint8Array;
    assert.equal(page(new Bench({ cache: true, saved: { modes: kept } }).host(), 0x08)[2], 0);
    // Kept bytes that do not fit what the unit is now are left out.
    assert.equal(page(new Bench({ saved: { modes: kept } }).host(), 0x08)[2], 0);
    assert.equal(page(new Bench({ cache: true, saved: { modes: pattern(90, 3) } }).host(), 0x08)[2], 4);
  });

  it('takes all of a list or nothing', () => {
    const bench = new Bench({ cache: true });
    const host = bench.host();
    const off = [0x08, 18, 0, ...new Array(17).fill(0)];
    const wrong = [0x0a, 10, 0, ...new Array(9).fill(0)];
    const result = select6(host, [...off, ...wrong]);
    assert.deepEqual([result.status, result.key, result.code], [2, 5, 0x2600]);
    // Where in the list: TST of the control page, which cannot be changed.
    assert.deepEqual([...(result.sense as Uint8Array).subarray(15, 18)], [0x80, 0, 26]);
    assert.equal(page(host, 0x08)[2], 4);
    assert.equal(select6(host, [0x3e, 2, 0, 0]).code, 0x2600);
    assert.equal(select6(host, off.slice(0, 19)).code, 0x1a00);
    assert.equal(select6(host, [0x08, 17, ...off.slice(2, 19)]).code, 0x2600);
    assert.equal(host.send([0x15, 0x00, 0, 0, 4, 0], { dataOut: new Uint8Array(4) }).code, 0x2400);
    assert.equal(host.send([0x15, 0x10, 0, 0, 0, 0]).status, 0);
  });

  it('takes a block descriptor that says what is', () => {
    const host = new Bench({ blocks: 1000 }).host();
    const descriptor = (blocks: number, size: number) => [0, 0, 0, 8, ...be(blocks, 4), 0, ...be(size, 3)];
    assert.equal(select6(host, [], false, descriptor(1000, 512)).status, 0);
    assert.equal(select6(host, [], false, descriptor(0, 512)).status, 0);
    assert.equal(select6(host, [], false, descriptor(999, 512)).code, 0x2600);
    assert.equal(select6(host, [], false, descriptor(1000, 4096)).code, 0x2600);
    const long = [0, 0, 0, 0, 1, 0, 0, 16, ...be(1000, 8), 0, 0, 0, 0, ...be(512, 4)];
    const cdb = [0x55, 0x10, 0, 0, 0, 0, 0, ...be(long.length, 2), 0];
    assert.equal(host.send(cdb, { dataOut: Uint8Array.from(long) }).status, 0);
  });

  it('saves nothing where nobody keeps anything', () => {
    const host = new Bench({ cache: true, keeps: false }).host();
    assert.equal(host.send(sense6(0x08, 8)).data[4], 0x08);
    assert.equal(host.send(sense6(0xc8, 8)).code, 0x3900);
    assert.equal(select6(host, [0x08, 18, 0, ...new Array(17).fill(0)], true).code, 0x2400);
    assert.equal(select6(host, [0x08, 18, 0, ...new Array(17).fill(0)]).status, 0);
  });

  it('is undone by a reset but for what was saved', () => {
    const bench = new Bench({ cache: true });
    const host = bench.host();
    const off = [0x08, 18, 0, ...new Array(17).fill(0)];
    select6(host, off);
    bench.device.manage({ kind: 'lunReset', nexus: host.nexus, lun: new Uint8Array(8) });
    host.send(TUR);
    assert.equal(page(host, 0x08)[2], 4);
    select6(host, off, true);
    bench.device.manage({ kind: 'lunReset', nexus: host.nexus, lun: new Uint8Array(8) });
    host.send(TUR);
    assert.equal(page(host, 0x08)[2], 0);
  });
});
