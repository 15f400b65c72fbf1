import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { FileWriter } from '../../../hw/fileWriter.ts';
import { FileWrites, type FileWritesOptions } from '../../../hw/fileWrites.ts';
import type { Piece } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';

const SIZE = 1 << 20;

describe('B5 writes of a file, by its thread and by the thread pool', () => {
  const folder = mkdtempSync(join(tmpdir(), 'writes-'));
  const path = join(folder, 'mirror.img');
  let fd = -1;
  let writes: FileWrites;
  let writer: FileWriter | undefined;
  let warnings: string[];
  const onWarning = (warning: Error): void => {
    warnings.push(warning.message);
  };

  beforeEach(() => {
    writeFileSync(path, new Uint8Array(SIZE));
    warnings = [];
    process.on('warning', onWarning);
  });

  afterEach(async () => {
    await writes.close();
    closeSync(fd);
    process.off('warning', onWarning);
  });

  after(() => rmSync(folder, { recursive: true }));

  const open = (options: FileWritesOptions = {}, name = path): void => {
    fd = openSync(name, 'r+');
    const start = (died: (why: Error) => void): FileWriter | undefined => {
      writer = FileWriter.start(died);
      return writer;
    };
    writer = undefined;
    writes = new FileWrites(name, fd, { threadFromRuns: 1, start, ...options });
  };

  const piece = (offset: number, length: number, byte: number): Piece => ({
    offset,
    length,
    payload: [new Uint8Array(length).fill(byte)],
  });

  /** The thread is there, and what comes next goes its way. */
  const threaded = async (options?: FileWritesOptions, name?: string): Promise<FileWriter> => {
    open(options, name);
    await writes.write([]);
    await writes.write([{ offset: 0, length: 0, payload: 'zeros' }]);
    while (writer?.ready !== true) await new Promise(setImmediate);
    return writer;
  };

  it('leaves what a plain model has, whichever way each write took, with many of them under way', async () => {
    await threaded();
    const model = Buffer.alloc(SIZE);
    // Slots of 8 KiB, each written once at a time: what is under way does not overlap.
    const SLOT = 8192;
    const lengths = fc.constantFrom(1, 100, 512, 4096, 8192, 70_000);
    const plan = fc.array(fc.record({ length: lengths, seed: fc.nat(255), zeros: fc.boolean() }), { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { maxLength: 8 }), async (calls) => {
        let slot = 0;
        const under: Promise<void>[] = [];
        for (const call of calls) {
          const pieces: Piece[] = [];
          for (const { length, seed, zeros } of call) {
            const offset = slot * SLOT;
            if (offset + length > SIZE) break;
            slot += Math.ceil(length / SLOT);
            const bytes = new Uint8Array(length).map((_, i) => (zeros ? 0 : seed + i));
            model.set(bytes, offset);
            pieces.push({ offset, length, payload: zeros ? 'zeros' : [bytes.subarray(0, 33), bytes.subarray(33)] });
          }
          under.push(writes.write(pieces));
        }
        await Promise.all(under);
        assert.equal(Buffer.compare(readFileSync(path), model), 0);
      }),
      { numRuns: 60 },
    );
    assert.equal(writer?.ready, true);
  });

  it('starts a thread only where many short runs come', async () => {
    open({ threadFromRuns: 10 });
    await writes.write([piece(0, 512 * 1024, 1)]);
    for (let i = 0; i < 4; i++) await writes.write([piece(0, 512, 1), piece(2048, 512, 1)]);
    assert.equal(writer, undefined);
    await writes.write([piece(0, 512, 1), piece(2048, 512, 1)]);
    assert.ok(writer);
  });

  it('writes without one where there are enough threads already', async () => {
    open({ start: () => undefined });
    await writes.write([piece(512, 512, 5)]);
    await writes.write([piece(1024, 512, 6)]);
    assert.deepEqual([readFileSync(path)[512], readFileSync(path)[1535]], [5, 6]);
  });

  it('loses nothing when its thread ends in the midst of a write, and says so once', async () => {
    const dying = fileURLToPath(new URL('./dyingWriter.js', import.meta.url));
    const start = (died: (why: Error) => void): FileWriter | undefined => {
      writer = FileWriter.start(died, dying);
      return writer;
    };
    await threaded({ start });
    await Promise.all([writes.write([piece(0, 4096, 1), piece(8192, 4096, 2)]), writes.write([piece(20_000, 100, 3)])]);
    const file = readFileSync(path);
    assert.deepEqual([file[4095], file[8192], file[12_287], file[20_099]], [1, 2, 2, 3]);
    await writes.write([piece(0, 512, 9)]);
    assert.equal(readFileSync(path)[511], 9);
    await new Promise(setImmediate);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /mirror\.img is written without a thread of its own: a bug of the thread/);
  });

  it('writes without a thread where none can be had, and says so once', async () => {
    open({
      start: () => {
        throw new Error('no more threads');
      },
    });
    for (let i = 0; i < 3; i++) await writes.write([piece(i * 512, 512, 7)]);
    assert.equal(readFileSync(path)[1535], 7);
    await new Promise(setImmediate);
    assert.deepEqual(warnings, [`${path} is written without a thread of its own: no more threads`]);
  });

  it('says the same of a full disk whichever way it took (/dev/full)', async function () {
    if (process.platform !== 'linux') {
      open();
      this.skip();
    }
    const refused = async (): Promise<Fault> => {
      const fault = await writes.write([piece(4096, 512, 1)]).then(
        () => assert.fail('it was written'),
        (error: unknown) => error,
      );
      assert.ok(fault instanceof Fault);
      return fault;
    };
    await threaded({}, '/dev/full');
    const byThread = await refused();
    await writes.close();
    closeSync(fd);
    open({ start: () => undefined }, '/dev/full');
    const byPool = await refused();
    assert.match(byThread.message, /has no space left on its file system \(writing 512 bytes at 4096: ENOSPC\)/);
    for (const what of ['message', 'mend', 'blame'] as const) assert.equal(byThread[what], byPool[what]);
    assert.equal((byThread.cause as NodeJS.ErrnoException).code, 'ENOSPC');
  });

  it('closes when what is under way is written, on either way', async () => {
    await threaded();
    const under = [piece(0, 4096, 1), piece(65_536, 512 * 1024, 2)].map((one) => writes.write([one]));
    let written = 0;
    for (const one of under) void one.then(() => written++);
    await writes.close();
    assert.equal(written, 2);
  });

  it('does not begin what was stopped before', async () => {
    await threaded();
    await assert.rejects(writes.write([piece(0, 512, 1)], AbortSignal.abort()), /stopped before it was done/);
    assert.equal(readFileSync(path)[0], 0);
  });

  it('rejects a write whose payload is too short, on either way', async () => {
    await threaded();
    for (const length of [512, 128 * 1024]) {
      const short: Piece = { offset: 0, length, payload: [new Uint8Array(length - 1)] };
      await assert.rejects(writes.write([short]), (error) => error instanceof Fault && error.blame === 'bug');
    }
    await writes.write([piece(0, 512, 4)]);
    assert.equal(readFileSync(path)[511], 4);
  });
});
