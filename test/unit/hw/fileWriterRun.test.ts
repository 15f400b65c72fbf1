import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WriterAnswer } from '../../../hw/fileWriterMessages.ts';
import { runBatch } from '../../../hw/fileWriterRun.ts';
import { Stage } from '../../../hw/fileWriterStage.ts';
import type { Piece } from '../../../src/base/change.ts';

describe('B5 a batch of the writing thread', () => {
  const folder = mkdtempSync(join(tmpdir(), 'batch-'));
  const path = join(folder, 'mirror.img');
  const open: number[] = [];

  after(() => {
    for (const fd of open) closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const run = (name: string, flags: string, pieces: readonly Piece[]): WriterAnswer => {
    const fd = openSync(name, flags);
    open.push(fd);
    const stage = new Stage(65_536);
    // Another batch before it: it does not stand at 0.
    stage.put(fd, [], 0);
    const batch = stage.put(fd, pieces, 32_768);
    const answer = runBatch(stage.memory, new Uint8Array(stage.memory), batch);
    assert.equal(typeof answer === 'number' ? answer : answer.batch, batch);
    return answer;
  };

  it('writes bytes, zeros and repeated blocks of any length where they belong', () => {
    const size = 900_000;
    writeFileSync(path, new Uint8Array(size).fill(9));
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i);
    const answer = run(path, 'r+', [
      { offset: 1, length: 5000, payload: [bytes] },
      { offset: 6000, length: 300_001, payload: 'zeros' },
      { offset: 400_000, length: 200_000, payload: { fill: Uint8Array.of(1, 2, 3, 4, 5) } },
      { offset: 700_000, length: 2, payload: { fill: Uint8Array.of(6, 7, 8) } },
    ]);
    assert.equal(typeof answer, 'number');
    const model = new Uint8Array(size).fill(9);
    model.set(bytes, 1);
    model.fill(0, 6000, 306_001);
    for (let i = 0; i < 200_000; i++) model[400_000 + i] = 1 + (i % 5);
    model.set([6, 7], 700_000);
    assert.equal(Buffer.compare(readFileSync(path), model), 0);
  });

  it('ends at the first operation that fails, and says what the system said', () => {
    writeFileSync(path, new Uint8Array(1024));
    const pieces: Piece[] = [
      { offset: 0, length: 10, payload: [new Uint8Array(10).fill(1)] },
      { offset: 512, length: 10, payload: [new Uint8Array(10).fill(1)] },
    ];
    const answer = run(path, 'r', pieces);
    assert.ok(typeof answer !== 'number');
    assert.deepEqual([answer.position, answer.bytes, answer.error?.code], [0, 10, 'EBADF']);
    assert.equal(readFileSync(path)[512], 0);
  });

  it('names the place of an operation where a device has no space left (/dev/full)', function () {
    if (process.platform !== 'linux') this.skip();
    for (const payload of [[new Uint8Array(700)], 'zeros'] as const) {
      const answer = run('/dev/full', 'r+', [{ offset: 4096, length: 700, payload }]);
      assert.ok(typeof answer !== 'number');
      const { position, bytes, error } = answer;
      assert.deepEqual([position, bytes, error?.code, error?.errno], [4096, 700, 'ENOSPC', -28]);
    }
  });
});
