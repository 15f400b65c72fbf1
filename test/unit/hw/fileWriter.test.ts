import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FileWriter, type WriteEnd } from '../../../hw/fileWriter.ts';
import type { Piece } from '../../../src/base/change.ts';

type Outcome = Parameters<WriteEnd>[0];

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

describe('B5 the writing thread', () => {
  const folder = mkdtempSync(join(tmpdir(), 'writer-'));
  const path = join(folder, 'mirror.img');
  const died: string[] = [];
  let writers: FileWriter[] = [];
  let fd: number;

  beforeEach(() => {
    writeFileSync(path, new Uint8Array(2 << 20));
    fd = openSync(path, 'r+');
    died.length = 0;
  });

  afterEach(async () => {
    await Promise.all(writers.map((writer) => writer.stop()));
    writers = [];
    closeSync(fd);
  });

  after(() => rmSync(folder, { recursive: true }));

  const start = async (script?: string): Promise<FileWriter> => {
    const writer = FileWriter.start(({ message }) => died.push(message), script);
    assert.ok(writer);
    writers.push(writer);
    assert.equal(writer.ready, false);
    assert.equal(
      writer.write(fd, [], 0, () => assert.fail()),
      false,
      'nothing is taken before it has started',
    );
    while (!writer.ready) await new Promise(setImmediate);
    return writer;
  };

  const filled = (offset: number, length: number, byte: number): Piece => ({
    offset,
    length,
    payload: [new Uint8Array(length).fill(byte)],
  });

  const written = (writer: FileWriter, piece: Piece): Promise<Outcome> =>
    new Promise((resolve) => assert.ok(writer.write(fd, [piece], piece.length, resolve)));

  it('writes batches in the order of the calls, and reads none of their bytes afterwards', async () => {
    const writer = await start();
    const order: number[] = [];
    const ends: Promise<void>[] = [];
    const bytes = new Uint8Array(4096);
    for (let i = 0; i < 200; i++) {
      bytes.fill(i);
      ends.push(
        new Promise((resolve) => {
          const end = (failure: Outcome): void => {
            assert.equal(failure, undefined);
            order.push(i);
            resolve();
          };
          // Twice to the same place: the later one counts.
          assert.ok(writer.write(fd, [{ offset: (i >> 1) * 4096, length: 4096, payload: [bytes] }], 4096, end));
        }),
      );
    }
    bytes.fill(0xff);
    await Promise.all(ends);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    const file = readFileSync(path);
    for (let i = 0; i < 100; i++) assert.equal(file[i * 4096 + 17], i * 2 + 1);
  });

  it('takes no more than its memory holds, and takes again when that is written', async () => {
    const writer = await start();
    const long = filled(0, 1 << 20, 1);
    const ends: Promise<Outcome>[] = [];
    let taken = true;
    while (taken) {
      let end: WriteEnd = () => {};
      const ended = new Promise<Outcome>((resolve) => {
        end = resolve;
      });
      taken = writer.write(fd, [long], long.length, end);
      if (taken) ends.push(ended);
      assert.ok(ends.length <= 8);
    }
    assert.ok(ends.length >= 7);
    await Promise.all(ends);
    assert.equal(await written(writer, long), undefined);
  });

  it('tells what failed, and goes on with the next batch', async () => {
    const writer = await start();
    const sealed = openSync(path, 'r');
    const outcome = await new Promise<Outcome>((resolve) => writer.write(sealed, [filled(512, 9, 1)], 9, resolve));
    closeSync(sealed);
    assert.ok(outcome && 'error' in outcome);
    assert.deepEqual([outcome.position, outcome.bytes, outcome.error?.code], [512, 9, 'EBADF']);
    assert.equal(await written(writer, filled(512, 9, 3)), undefined);
    assert.equal(readFileSync(path)[520], 3);
  });

  it('ends every batch when the thread ends by itself, once, and takes no more', async () => {
    const writer = await start(beside('./dyingWriter.js'));
    const outcomes = await Promise.all([written(writer, filled(0, 512, 1)), written(writer, filled(512, 512, 2))]);
    for (const outcome of outcomes)
      assert.ok(outcome && 'ended' in outcome && /a bug of the thread/.test(outcome.ended.message));
    assert.deepEqual(died, ['a bug of the thread']);
    assert.equal(writer.ready, false);
    assert.equal(
      writer.write(fd, [filled(0, 8, 1)], 8, () => assert.fail()),
      false,
    );
  });

  it('tells of a thread that cannot start', async () => {
    const writer = FileWriter.start(({ message }) => died.push(message), beside('./noSuchWriter.js'));
    assert.ok(writer);
    writers.push(writer);
    while (died.length === 0) await new Promise(setImmediate);
    assert.match(died[0], /noSuchWriter/);
    assert.equal(writer.ready, false);
  });

  it('ends quietly when it is stopped, also with batches', async () => {
    const writer = await start();
    const ended = written(writer, filled(0, 1 << 20, 1));
    await writer.stop();
    await ended;
    await writer.stop();
    assert.deepEqual(died, []);
    assert.equal(writer.ready, false);
  });

  it('is one of four at most; a place that becomes free is taken again', async () => {
    for (let i = 0; i < 4; i++) await start();
    assert.equal(FileWriter.start(assert.fail), undefined);
    await writers.pop()?.stop();
    await start();
  });

  it('does not keep a process that has nothing to write, and keeps one that has', async () => {
    const child = (mode: string) =>
      promisify(execFile)(process.execPath, [beside('./writerChild.js'), path, mode], { timeout: 60_000 });
    assert.equal((await child('idle')).stdout, '');
    assert.equal((await child('busy')).stdout, 'written');
    assert.equal(readFileSync(path)[(1 << 20) - 1], 7);
  });
});
