import assert from 'node:assert/strict';
import { chmod, link, mkdir, mkdtemp, open, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { deviceNumbers } from '../../../hw/blockDevice.ts';
import { fileFault } from '../../../hw/fileFaults.ts';
import { openFileVolume } from '../../../hw/files.ts';
import { Gather } from '../../../hw/gather.ts';
import type { Piece } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';
import type { Volume } from '../../../src/base/volume.ts';
import { refuseTwins } from '../../../src/unit/lu/twins.ts';

const faultOf =
  (message: RegExp, mend?: RegExp) =>
  (error: unknown): true => {
    assert.ok(error instanceof Fault, `a Fault, not ${error}`);
    assert.equal(error.blame, 'local');
    assert.match(error.message, message);
    if (mend) assert.match(error.mend ?? '', mend);
    return true;
  };

describe('B5 files as volumes', () => {
  let folder: string;
  let path: string;
  let volume: Volume | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'volume-'));
    path = join(folder, 'mirror.img');
    await writeFile(path, new Uint8Array(64 * 1024));
    volume = undefined;
  });

  afterEach(async () => {
    await volume?.close();
    await rm(folder, { recursive: true });
  });

  const opened = async (writable = true): Promise<Volume> => {
    volume = await openFileVolume(path, { blockSize: 512, writable });
    return volume;
  };

  it('writes pieces of every kind where a plain model has them', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            gap: fc.constantFrom(0, 0, 1, 511, 3000),
            length: fc.integer({ min: 0, max: 9000 }),
            kind: fc.constantFrom('bytes', 'zeros', 'fill'),
            seed: fc.nat(255),
          }),
          { maxLength: 30 },
        ),
        fc.boolean(),
        async (plan, fua) => {
          const model = Buffer.alloc(512 * 1024, 7);
          await writeFile(path, model);
          const pieces: Piece[] = [];
          let offset = 0;
          for (const { gap, length, kind, seed } of plan) {
            offset += gap;
            const bytes = new Uint8Array(length).map((_, i) => seed + i);
            const cut = Math.floor(length / 3);
            if (kind === 'zeros') pieces.push({ offset, length, payload: 'zeros' });
            else if (kind === 'fill') pieces.push({ offset, length, payload: { fill: new Uint8Array([seed, 1, 2]) } });
            else pieces.push({ offset, length, payload: [bytes.subarray(0, cut), bytes.subarray(cut)] });
            if (kind === 'fill') for (let i = 0; i < length; i++) bytes[i] = [seed, 1, 2][i % 3];
            model.set(kind === 'zeros' ? new Uint8Array(length) : bytes, offset);
            offset += length;
          }
          const file = await openFileVolume(path, { blockSize: 512, writable: true });
          await file.writev(pieces, { fua });
          const into = new Uint8Array(model.length);
          await file.read(0, into);
          await file.close();
          assert.equal(Buffer.compare(into, model), 0);
          assert.equal(Buffer.compare(await readFile(path), model), 0);
        },
      ),
      { numRuns: 40 },
    ));

  it('joins neighbours into one call and never names too many buffers in it', () => {
    const pieces: Piece[] = Array.from({ length: 2500 }, (_, i) => ({
      offset: i * 10,
      length: 10,
      payload: [new Uint8Array(4), new Uint8Array(6)],
    }));
    const calls: number[] = [];
    const gather = new Gather(pieces);
    let at = 0;
    while (gather.next()) {
      assert.equal(gather.position, at);
      at += gather.bytes;
      calls.push(gather.buffers.length);
    }
    assert.deepEqual(calls, [1000, 1000, 1000, 1000, 1000]);
    assert.equal(at, 25_000);
  });

  it('writes a long run of zeros or of one block without memory for it', () => {
    for (const payload of ['zeros', { fill: new Uint8Array(512) }] as const) {
      const gather = new Gather([{ offset: 0, length: 2 ** 31, payload }]);
      const buffers = new Set<ArrayBufferLike>();
      let bytes = 0;
      while (gather.next()) {
        assert.ok(gather.bytes <= 4 * 1024 * 1024 + 256 * 1024);
        for (const buffer of gather.buffers) buffers.add(buffer.buffer);
        bytes += gather.bytes;
      }
      assert.equal(bytes, 2 ** 31);
      assert.equal(buffers.size, 1);
    }
  });

  it('refuses a piece whose payload is too short or LBN-only: a bug of the caller', async () => {
    const file = await opened();
    const short = [{ offset: 0, length: 10, payload: [new Uint8Array(9)] }];
    await assert.rejects(file.writev(short, { fua: false }), Fault);
    await assert.rejects(file.writev([{ offset: 0, length: 512, payload: 'lbnOnly' }], { fua: false }), Fault);
  });

  it('never makes a file longer by a write, and names the mend', async () => {
    const file = await opened();
    const past = file.writev([{ offset: 65_535, length: 2, payload: 'zeros' }], { fua: false });
    await assert.rejects(past, faultOf(/holds 65536 bytes, and a write reaches to 65537/, /truncate -s 65537/));
    assert.equal((await stat(path)).size, 65_536);
  });

  it('grows when it is asked to, and tells', async () => {
    const file = await opened();
    const told: number[] = [];
    file.onSizeChange((blocks) => told.push(blocks));
    await file.grow(65_536);
    await file.grow(70_000);
    assert.deepEqual(told, [136]);
    assert.equal(file.blocks, 136);
    assert.equal((await stat(path)).size, 70_000);
  });

  it('says where a file ends when a read wants more, also when it was cut meanwhile', async () => {
    const file = await opened(false);
    await truncate(path, 1000);
    await assert.rejects(file.read(512, new Uint8Array(1024)), faultOf(/ends at 1000 \(reading 1024 bytes at 512\)/));
  });

  it("refuses everything once it is closed: the number of its descriptor is soon another file's", async () => {
    const file = await openFileVolume(path, { blockSize: 512, writable: true });
    await file.close();
    const other = join(folder, 'other');
    await writeFile(other, new Uint8Array(4096).fill(9));
    // The system gives the lowest number that is free: one of these is that of the closed file.
    const others = await Promise.all(Array.from({ length: 8 }, () => open(other, 'r+')));
    try {
      const piece: Piece = { offset: 0, length: 512, payload: [new Uint8Array(512).fill(1)] };
      const calls = [
        () => file.writev([piece], { fua: false }),
        () => file.zero(512, 512),
        () => file.unmap(1024, 512),
        () => file.grow(1 << 20),
        () => file.flush(),
        () => file.read(0, new Uint8Array(512)),
        () => file.revive(),
      ];
      for (const call of calls) await assert.rejects(call(), faultOf(/mirror\.img is closed/));
      assert.deepEqual(new Uint8Array(await readFile(other)), new Uint8Array(4096).fill(9));
      await file.close();
      for (const one of others) await one.stat();
    } finally {
      for (const one of others) await one.close();
    }
  });

  it('stops a long read or write when it is told to', async () => {
    const file = await opened();
    const signal = AbortSignal.abort();
    await assert.rejects(file.read(0, new Uint8Array(10), signal), faultOf(/stopped/));
    await assert.rejects(
      file.writev([{ offset: 0, length: 9, payload: 'zeros' }], { fua: false }, signal),
      faultOf(/stopped/),
    );
  });

  it('zeroes and unmaps to zeros', async () => {
    await writeFile(path, new Uint8Array(4096).fill(9));
    const file = await opened();
    await file.zero(100, 1000);
    await file.unmap(2048, 512);
    await file.flush();
    const bytes = await readFile(path);
    for (let i = 0; i < 4096; i++) {
      assert.equal(bytes[i], (i >= 100 && i < 1100) || (i >= 2048 && i < 2560) ? 0 : 9);
    }
  });

  it('names what is wrong with a path, and the mend', async () => {
    const attempt = (name: string, writable = true): Promise<Volume> =>
      openFileVolume(join(folder, name), { writable });
    await assert.rejects(
      attempt('none'),
      faultOf(/none does not exist \(opening it for writing: ENOENT\)/, /truncate -s .*none$/),
    );
    await mkdir(join(folder, 'dir'));
    await assert.rejects(attempt('dir'), faultOf(/dir is a directory/, /name a file/));
    await assert.rejects(attempt('mirror.img/x'), faultOf(/not a directory/));
    await symlink('loop', join(folder, 'loop'));
    await assert.rejects(attempt('loop'), faultOf(/loop of symbolic links/));
    await assert.rejects(
      openFileVolume('/dev/null', { writable: true }),
      faultOf(/neither a regular file nor a block device/),
    );
  });

  it('names a file that this user may not write', async function () {
    if (process.getuid?.() === 0) this.skip();
    await chmod(path, 0o444);
    await assert.rejects(opened(), faultOf(/may not be opened by this user/));
    assert.ok(await opened(false));
  });

  it('words the failures that need a sick medium', () => {
    const words = (code: string): Fault =>
      fileFault('/m', 'writing 512 bytes at 0', Object.assign(new Error(code), { code }));
    assert.match(words('ENOSPC').message, /^\/m has no space left .*\(writing 512 bytes at 0: ENOSPC\)$/);
    assert.match(words('EIO').mend ?? '', /dmesg/);
    assert.match(words('EROFS').message, /read-only file system/);
    assert.match(words('EWHAT').message, /EWHAT/);
  });

  it('turns the system\'s own "no space left" into a Fault (/dev/full)', async function () {
    const full = await open('/dev/full', 'w').catch(() => undefined);
    if (!full) return this.skip();
    const error = await full.write('x').then(
      () => undefined,
      (e: NodeJS.ErrnoException) => e,
    );
    await full.close();
    assert.ok(error);
    assert.match(fileFault('/dev/full', 'writing 1 byte at 0', error).message, /no space left/);
  });

  it('B6b: refuses two volumes on one medium, with both names, by whatever path', async () => {
    const file = await opened();
    await link(path, join(folder, 'hard'));
    await symlink('mirror.img', join(folder, 'soft'));
    for (const name of ['hard', 'soft']) {
      const twin = await openFileVolume(join(folder, name), { writable: false });
      const both = [
        { name: 'file:a', volume: file },
        { name: 'file:b', volume: twin },
      ];
      assert.throws(() => refuseTwins(both), faultOf(/file:a and file:b are one medium/));
      await twin.close();
    }
    await writeFile(join(folder, 'other'), '');
    const other = await openFileVolume(join(folder, 'other'), { writable: false });
    refuseTwins([
      { name: 'file:a', volume: file },
      { name: 'file:b', volume: other },
    ]);
    await other.close();
  });

  it('reads major and minor out of a Linux device number', () => {
    assert.deepEqual(deviceNumbers(0xfe00n), { major: 254, minor: 0 });
    // makedev(0x12345, 0x6789a) of glibc: the high parts lie apart from the low ones.
    assert.deepEqual(deviceNumbers(0x0001_2000_6783_459an), { major: 0x12345, minor: 0x6789a });
  });
});
