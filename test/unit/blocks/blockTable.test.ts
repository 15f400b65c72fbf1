import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { nodeBytes } from '../../../src/base/blocks.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { BlockTable, type Reading } from '../../../src/blocks/blockTable.ts';
import { MemoryTable } from './memoryTable.ts';

const BLOCK = 512;

function table(storage: MemoryTable, bytes: number, believed = false): BlockTable {
  return new BlockTable({ storage, blockBytes: BLOCK, bytes, believed, lost: () => undefined });
}

function readAll(one: BlockTable, medium: Uint8Array): void {
  for (let reading = one.next(0); reading; reading = one.next(reading.group + 1)) {
    one.known(reading, medium.subarray(reading.offset, reading.offset + reading.length));
  }
}

/** The checksum of a node by its definition. */
function truth(medium: Uint8Array, level: number, index: number): Buffer {
  const hash = (bytes: Uint8Array): Buffer => createHash('blake2b512').update(bytes).digest().subarray(0, 16);
  const length = nodeBytes(BLOCK, level);
  const bytes = medium.subarray(index * length, (index + 1) * length);
  if (level === 0) return hash(bytes);
  const below = nodeBytes(BLOCK, level - 1);
  const children = Array.from({ length: Math.ceil(bytes.length / below) }, (_, n) =>
    truth(medium, level - 1, index * 64 + n),
  );
  return hash(Buffer.concat(children));
}

/** No checksum is claimed that is not the medium's. */
function sound(one: BlockTable, medium: Uint8Array): number {
  let claimed = 0;
  for (let level = 0; level < 4; level++) {
    for (let index = 0; index * nodeBytes(BLOCK, level) < medium.length; index++) {
      const sum = one.sum(level, index);
      const into = new Uint8Array(20);
      assert.equal(one.put(level, index, into, 3), sum !== undefined);
      assert.equal(one.same(level, index, into, 3), sum && true);
      if (!sum) continue;
      assert.equal(Buffer.compare(into.subarray(3, 19), sum), 0);
      into[10] ^= 1;
      assert.equal(one.same(level, index, into, 3), false);
      claimed++;
      assert.deepEqual(Buffer.from(sum), truth(medium, level, index), `level ${level}, node ${index}`);
    }
  }
  return claimed;
}

describe('D4 block tables', function () {
  this.timeout(60_000);

  it('know every level by its definition once everything was read, also of a volume that ends in a part of a block', () => {
    for (const bytes of [1, BLOCK, 64 * BLOCK, 64 * BLOCK + 1, 70 * 64 * BLOCK - 100]) {
      const medium = Uint8Array.from({ length: bytes }, (_, i) => (i >> 9) * 7 + (i >> 3));
      const one = table(new MemoryTable(), bytes);
      assert.equal(sound(one, medium), 0);
      readAll(one, medium);
      assert.equal(one.current, one.blocks);
      const nodes = [0, 1, 2, 3].map((level) => Math.ceil(bytes / nodeBytes(BLOCK, level)));
      assert.equal(
        sound(one, medium),
        nodes.reduce((a, b) => a + b),
      );
      assert.equal(one.next(0), undefined);
    }
  });

  it('know of blocks of zeros what they know of others', () => {
    const bytes = new Uint8Array(8192);
    const one = new BlockTable({
      storage: new MemoryTable(),
      blockBytes: 4096,
      bytes: bytes.length,
      believed: false,
      lost: assert.fail,
    });
    readAll(one, bytes);
    const expected = createHash('blake2b512').update(bytes.subarray(4096)).digest().subarray(0, 16);
    assert.deepEqual(Buffer.from(one.sum(0, 1) ?? []), expected);
  });

  it('never claim a checksum that is not true, whatever is written, read, grown or killed in between', () => {
    const op = fc.record({
      kind: fc.constantFrom(
        'begin',
        'begin',
        'change',
        'end',
        'read',
        'take',
        'known',
        'resize',
        'kill',
        'lose',
        'next',
      ),
      at: fc.nat(200 * BLOCK),
      length: fc.integer({ min: 1, max: 70 * BLOCK }),
    });
    let claimed = 0;
    fc.assert(
      fc.property(
        fc.array(op, { minLength: 5, maxLength: 60 }),
        fc.integer({ min: 1, max: 200 * BLOCK }),
        (ops, first) => {
          const storage = new MemoryTable();
          let medium = new Uint8Array(first);
          /** What the header says, which is written before the table is told. */
          let told = first;
          let one = table(storage, first);
          let writes: { offset: number; length: number }[] = [];
          let readings: { reading: Reading; bytes: Uint8Array | undefined }[] = [];
          let stamp = 0;
          // As if the process were killed here.
          storage.changed = () => {
            const copy = new MemoryTable();
            copy.bytes = copyOf(storage.bytes);
            const again = table(copy, told, true);
            again.resize(medium.length);
            claimed += sound(again, medium);
          };
          for (const { kind, at, length } of ops) {
            const offset = at % medium.length;
            const range = { offset, length: Math.min(length, medium.length - offset) };
            if (kind === 'begin') {
              one.begin(range.offset, range.length);
              writes.push(range);
            } else if (kind === 'change' && writes.length > 0) {
              // A part of a write that is under way.
              const write = writes[at % writes.length];
              const end = Math.min(write.offset + write.length, medium.length);
              medium.fill(++stamp, Math.min(write.offset + (length % write.length), end), end);
            } else if (kind === 'end' && writes.length > 0) {
              const [write] = writes.splice(at % writes.length, 1);
              one.end(write.offset, write.length);
            } else if (kind === 'read' || kind === 'next') {
              const reading = kind === 'next' ? one.next(0) : one.reading(Math.floor(offset / BLOCK / 64));
              if (reading) readings.push({ reading, bytes: undefined });
            } else if (kind === 'take' && readings.length > 0) {
              const wanted = readings[at % readings.length];
              const { reading } = wanted;
              const bytes = new Uint8Array(reading.length);
              bytes.set(medium.subarray(reading.offset, reading.offset + reading.length));
              wanted.bytes = bytes;
            } else if (kind === 'known' && readings.length > 0) {
              const [{ reading, bytes }] = readings.splice(at % readings.length, 1);
              if (bytes) one.known(reading, bytes);
              else one.unread(reading);
            } else if (kind === 'resize' && writes.length === 0) {
              const next = 1 + (at % (200 * BLOCK));
              const grown = new Uint8Array(next);
              grown.set(medium.subarray(0, next));
              medium = grown;
              told = next;
              one.resize(next);
            } else if (kind === 'kill') {
              one = table(storage, told, true);
              one.resize(medium.length);
              writes = [];
              readings = [];
            } else if (kind === 'lose') one.loseAll();
            claimed += sound(one, medium);
          }
          for (const { offset, length } of writes) one.end(offset, length);
          for (const { reading } of readings) one.unread(reading);
          readAll(one, medium);
          assert.equal(one.current, one.blocks, 'what nobody writes can be known');
          claimed += sound(one, medium);
        },
      ),
      { numRuns: 120 },
    );
    assert.ok(claimed > 10_000, `only ${claimed} checksums were looked at`);
  });

  it('do not take bytes that were read while they were written', () => {
    const medium = new Uint8Array(64 * BLOCK);
    const one = table(new MemoryTable(), medium.length);
    const reading = one.next(0) as Reading;
    const old = copyOf(medium);
    one.begin(BLOCK, 10);
    medium.fill(1, BLOCK, BLOCK + 10);
    one.end(BLOCK, 10);
    one.known(reading, old);
    assert.equal(one.current, 63);
    sound(one, medium);
    one.begin(0, BLOCK);
    assert.equal(one.next(0), undefined, 'nobody reads what is being written');
    one.end(0, BLOCK);
    readAll(one, medium);
    assert.equal(one.current, 64);
  });

  it('are given up when their storage fails, and nothing of them is believed afterwards', () => {
    for (let room = 0; room < 12; room++) {
      const medium = new Uint8Array(200 * BLOCK).fill(3);
      const storage = new MemoryTable();
      const lost: string[] = [];
      const one = new BlockTable({
        storage,
        blockBytes: BLOCK,
        bytes: medium.length,
        believed: false,
        lost: (fault) => lost.push(fault.message),
      });
      storage.room = room;
      readAll(one, medium);
      one.begin(0, medium.length);
      medium.fill(4);
      one.end(0, medium.length);
      assert.deepEqual(lost, ['no room'], `${room}`);
      assert.equal(one.over, true);
      assert.equal(sound(one, medium), 0);
      assert.equal(sound(table(storage, medium.length, true), medium), 0);
    }
  });

  it('let nothing be written while a storage that failed still claims what is to be overwritten', () => {
    const medium = new Uint8Array(64 * BLOCK);
    const storage = new MemoryTable();
    const one = table(storage, medium.length);
    readAll(one, medium);
    storage.room = 0;
    storage.stuck = true;
    assert.throws(() => one.begin(0, 1), /stuck/);
    assert.throws(() => one.begin(0, 1), /stuck/);
    storage.stuck = false;
    one.begin(0, 1);
    assert.equal(table(storage, medium.length, true).current, 0);
  });
});
