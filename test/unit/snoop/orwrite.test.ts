import assert from 'node:assert/strict';
import { parseCdb } from '../../../parsers/scsi/cdb.ts';
import type { Piece } from '../../../src/base/change.ts';
import { isOr } from '../../../src/base/payload.ts';
import { type Made, piecesOf } from '../../../src/snoop/effects.ts';
import { Lu } from '../../../src/snoop/lu/lu.ts';
import { Task } from '../../../src/snoop/task.ts';

const BLOCK = 512;

/** An ORWRITE(16) at block 8 that ended in GOOD with all its data. */
function orwrite(lu: Lu, blocks: number, edtl: number): Task {
  const task = new Task(lu);
  parseCdb(Uint8Array.from([0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, blocks, 0, 0]), 0, 16, task.cdb);
  task.edtl = edtl;
  task.blocks = [8, 8 + blocks];
  task.lease = { parts: [new Uint8Array(700), new Uint8Array(8000)], bytes: 8700 };
  task.land(new Uint8Array(edtl).fill(0x55), 0, edtl, 0);
  task.effect = 'done';
  return task;
}

function unit(): Lu {
  const lu = new Lu('iqn.test/0', 0);
  lu.blockSize = BLOCK;
  return lu;
}

/** `[lbn, blocks]` of the ORs and of the blocks to be read back. */
function cut({ pieces }: Made): { or: number[][]; only: number[][] } {
  const run = ({ offset, length }: Piece): number[] => [offset / BLOCK, length / BLOCK];
  for (const { length, payload } of pieces) {
    if (!isOr(payload)) continue;
    const bytes = Buffer.concat(payload.or);
    assert.equal(bytes.length, length);
    assert.ok(bytes.every((byte) => byte === 0x55));
  }
  return {
    or: pieces.filter(({ payload }) => isOr(payload)).map(run),
    only: pieces.filter(({ payload }) => payload === 'lbnOnly').map(run),
  };
}

describe('B3 the effect of ORWRITE (SBC-4 sections 4.27.4, 5.10, 5.11)', () => {
  it('is an OR of the data-out on its blocks', () => {
    const lu = unit();
    const made = piecesOf(orwrite(lu, 4, 4 * BLOCK), lu);
    assert.deepEqual(cut(made), { or: [[8, 4]], only: [] });
    assert.deepEqual([made.doubt, made.leased], [undefined, true]);
  });

  it('is read back where the transfer ends inside a block', () => {
    const lu = unit();
    const made = piecesOf(orwrite(lu, 4, 2 * BLOCK + 100), lu);
    assert.deepEqual(cut(made), { or: [[8, 2]], only: [[10, 1]] });
    assert.equal(made.doubt, 'effect');
  });

  it('is read back where data is missing or a rival was in flight, and clipped to the capacity', () => {
    const lu = unit();
    lu.blocks = 12;
    const task = orwrite(lu, 6, 6 * BLOCK);
    task.disbelieve(BLOCK + 1, 1);
    assert.deepEqual(cut(piecesOf(task, lu)), {
      or: [
        [8, 1],
        [10, 2],
      ],
      only: [[9, 1]],
    });
  });

  it('is read back whole without its data, and where the outcome is not known', () => {
    const lu = unit();
    const task = orwrite(lu, 2, 2 * BLOCK);
    task.lease = undefined;
    const dataless = piecesOf(task, lu);
    assert.deepEqual([cut(dataless), dataless.doubt], [{ or: [], only: [[8, 2]] }, 'no-room']);
    const doubtful = orwrite(lu, 4, 2 * BLOCK);
    doubtful.effect = 'doubt';
    assert.deepEqual(cut(piecesOf(doubtful, lu)), { or: [], only: [[8, 2]] });
  });

  it('proves nothing once generation codes are in use: the target may discard the data (table 29)', () => {
    const lu = unit();
    lu.orwGenerations = true;
    const made = piecesOf(orwrite(lu, 4, 4 * BLOCK), lu);
    assert.deepEqual([cut(made), made.doubt, made.leased], [{ or: [], only: [[8, 4]] }, 'effect', false]);
  });
});
