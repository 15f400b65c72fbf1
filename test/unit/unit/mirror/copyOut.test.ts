import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileVolume } from '../../../../hw/files.ts';
import { openSpill } from '../../../../hw/spill.ts';
import { copyOf } from '../../../../src/base/bytes.ts';
import type { LuId, Payload, Piece } from '../../../../src/base/change.ts';
import type { OrderedEntry, OrderedVolume } from '../../../../src/base/ordered.ts';
import { isFill } from '../../../../src/base/payload.ts';
import type { VolumeIdentity } from '../../../../src/base/volume.ts';
import { Room } from '../../../../src/buffer/room.ts';
import { LinkCopyOut } from '../../../../src/unit/mirror/recall.ts';
import { VolumeUnit } from '../../../../src/unit/mirror/volumeUnit.ts';
import { settle } from '../../../sim/memoryVolume.ts';
import { random as randomOf } from '../../../sim/random.ts';

const LU: LuId = 'iqn.2001-04.com.example:disk/0';
const BLOCK = 512;
const BYTES = 4 << 20;
const MIB = 1 << 20;

function put(bytes: Uint8Array, { offset, length, payload }: Piece): void {
  if (payload === 'zeros') bytes.fill(0, offset, offset + length);
  else if (isFill(payload)) for (let at = 0; at < length; at++) bytes[offset + at] = payload.fill[at % BLOCK];
  else if (Array.isArray(payload)) bytes.set(Buffer.concat(payload as Uint8Array[]), offset);
  else assert.fail('a far end is told of bytes that are known');
}

/** A far end that takes entries slowly, one after the other, and keeps an image of each bookmark. */
class SlowFar implements OrderedVolume {
  readonly blockSize = BLOCK;
  readonly blocks = BYTES / BLOCK;
  readonly down = false;
  readonly bytes = new Uint8Array(BYTES);
  readonly marks = new Map<string, { consistent: boolean; image: Uint8Array }>();
  /** Nothing is taken before `go`. */
  go: () => void = () => undefined;
  readonly #gone = new Promise<void>((resolve) => {
    this.go = resolve;
  });
  #last: Promise<void> = Promise.resolve();
  #taken = 0;

  identity(): VolumeIdentity {
    return { kind: 'memory', id: 'far' };
  }

  append(entry: OrderedEntry): Promise<void> {
    this.#last = this.#last.then(async () => {
      await this.#gone;
      if (this.#taken++ % 4 === 0) await settle();
      this.#apply(entry);
    });
    return this.#last;
  }

  async differing(offset: number, bytes: Uint8Array): Promise<Piece[]> {
    await this.#last;
    const pieces: Piece[] = [];
    for (let at = 0; at < bytes.length; at += 4096) {
      const part = bytes.subarray(at, at + 4096);
      if (Buffer.compare(part, this.bytes.subarray(offset + at, offset + at + part.length)) === 0) continue;
      pieces.push({ offset: offset + at, length: part.length, payload: [part] });
    }
    return pieces;
  }

  async flush(): Promise<void> {
    await this.#last;
  }

  read(): Promise<void> {
    return Promise.reject(new Error('it is not read'));
  }

  writev(): Promise<void> {
    return Promise.reject(new Error('an ordered mirror appends'));
  }

  zero(): Promise<void> {
    return this.writev();
  }

  unmap(): Promise<void> {
    return this.writev();
  }

  grow(): Promise<void> {
    return this.writev();
  }

  async revive(): Promise<void> {}
  onSizeChange(): void {}
  async close(): Promise<void> {}

  #apply(entry: OrderedEntry): void {
    if (entry.kind === 'mark') {
      this.marks.set(entry.name, { consistent: entry.consistent, image: copyOf(this.bytes) });
    }
    if ('pieces' in entry) for (const piece of entry.pieces) put(this.bytes, piece);
  }
}

describe('C4 a link whose buffer is tiny, beside a local mirror', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'copyout-'));
  });
  after(() => rm(folder, { recursive: true }));

  /** Overwrites a small volume again and again while the far end takes nothing and then is slow; bookmarks on the way. */
  const load = async (seed: number, spillBytes: number) => {
    const random = randomOf(seed);
    const [local, image] = [join(folder, `local-${seed}.img`), join(folder, `first-${seed}.img`)];
    for (const path of [local, image]) {
      await writeFile(path, '');
      await truncate(path, BYTES);
    }
    const expected = new Map<string, Uint8Array>();
    const [volume, first] = [
      await openFileVolume(local, { writable: true }),
      await openFileVolume(image, { writable: true }),
    ];
    const notices: string[] = [];
    const notice = (text: string): void => {
      notices.push(text);
    };
    const spill = await openSpill(join(folder, `${seed}.spill`), spillBytes);
    const copyOut = new LinkCopyOut({ name: 'far', volume, spill, notice });
    const room = new Room({ bytes: 64 * MIB });
    const far = new SlowFar();
    const unit = new VolumeUnit({
      lu: LU,
      room,
      mirrors: [
        { to: 'far', volume: far, buffer: { bytes: 128 * 1024 }, copyOut },
        { to: local, volume },
      ],
      first: { name: image, volume: first },
      now: () => Number(process.hrtime.bigint()),
      notice,
    });
    unit.facts({ lu: LU, blockSize: BLOCK, blocks: BYTES / BLOCK, designators: [] });
    const held = new Uint8Array(BYTES);
    let changed = 0;
    for (let seq = 1; seq <= 1600; seq++) {
      const offset = random(BYTES / BLOCK) * BLOCK;
      const length = Math.min((1 + random(random(2) === 0 ? 160 : 16)) * BLOCK, BYTES - offset);
      const lease = room.take(length);
      assert.ok(lease, 'the room itself is never short');
      let left = length;
      const parts = lease.parts.map((part) => {
        const bytes = part.subarray(0, Math.min(part.length, left));
        left -= bytes.length;
        for (let at = 0; at < bytes.length; at += BLOCK) bytes.fill(random(256), at, at + BLOCK);
        return bytes;
      });
      const payload: Payload = parts.filter((part) => part.length > 0);
      put(held, { offset, length, payload });
      changed += length;
      await first.writev([{ offset, length, payload: [copyOf(held, offset, offset + length)] }], { fua: false });
      unit.push({ seq, at: BigInt(seq), lu: LU, pieces: [{ offset, length, payload }], fua: false, lease });
      if (seq === 1200) far.go();
      if (seq % 200 > 0) continue;
      unit.mark(`m${seq}`);
      expected.set(`m${seq}`, copyOf(held));
    }
    await unit.finish();
    assert.deepEqual(far.bytes, held, 'the far end is equal in the end');
    assert.deepEqual(new Uint8Array(await readFile(local)), held, 'and so is the local mirror');
    assert.deepEqual([...far.marks.keys()], [...expected.keys()]);
    let equal = 0;
    for (const [name, { consistent, image: marked }] of far.marks) {
      if (!consistent) continue;
      equal++;
      assert.deepEqual(marked, expected.get(name), `${name} is the volume as it was then`);
    }
    const { report } = copyOut;
    assert.equal(report.entries, 0);
    assert.equal(report.heldBytes, 0);
    await unit.close();
    await copyOut.close();
    await first.close();
    return { report, equal, notices, changed, marks: expected.size };
  };

  it('keeps every moment, from the local mirror and temporary storage', async () => {
    const { report, equal, notices, marks } = await load(1, 256 * MIB);
    assert.equal(equal, marks);
    assert.deepEqual(notices, []);
    assert.equal(report.lostBytes, 0);
    assert.ok(report.recalledBytes > MIB && report.spilledBytes > MIB, JSON.stringify(report));
  });

  it('keeps what it says it keeps where temporary storage is short, says what it lost, and catches up', async () => {
    const { report, equal, notices, marks } = await load(2, 16 * 1024);
    assert.ok(report.lostBytes > 0 && report.recalledBytes > 0, JSON.stringify(report));
    assert.ok(equal < marks);
    assert.match(notices.join('\n'), /far: temporary storage is full/);
  });
});
