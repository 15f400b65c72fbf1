import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { copyOf } from '../../../src/base/bytes.ts';
import type { Piece } from '../../../src/base/change.ts';
import type { LuVolume } from '../../../src/unit/lu/luVolume.ts';
import { random } from '../../sim/random.ts';

const MiB = 2 ** 20;

/** Bytes of no meaning. */
export function noise(length: number, roll: (below: number) => number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = roll(256);
  return bytes;
}

/** A piece of any kind inside `[from, to)`, and what it makes of the model. */
function anyPiece(from: number, to: number, roll: (below: number) => number, model: Uint8Array): Piece {
  const offset = from + roll(Math.min(6000, to - from));
  const length = Math.min(to - offset, 1 + roll(roll(4) === 0 ? to - from : 9000));
  switch (roll(4)) {
    case 0:
      model.fill(0, offset, offset + length);
      return { offset, length, payload: 'zeros' };
    case 1: {
      const fill = noise([1, 3, 512, 4096][roll(4)], roll);
      for (let i = 0; i < length; i++) model[offset + i] = fill[i % fill.length];
      return { offset, length, payload: { fill } };
    }
    default: {
      const bytes = noise(length, roll);
      const cut = roll(length + 1);
      model.set(bytes, offset);
      return { offset, length, payload: [bytes.subarray(0, cut), bytes.subarray(cut)] };
    }
  }
}

/** Writes, zeros and unmaps of every kind, many at once, against a model; then both the LU and its file are compared. */
export async function workOut(volume: LuVolume, image: string, seed: number, rounds: number): Promise<void> {
  const roll = random(seed);
  const model = new Uint8Array(readFileSync(image));
  const lanes = 4;
  const width = Math.floor(model.length / lanes);
  for (let round = 0; round < rounds; round++) {
    const calls: Promise<void>[] = [];
    // Every lane has its own bytes, but neighbours share a block at their borders.
    for (let lane = 0; lane < lanes; lane++) {
      const [from, to] = [lane * width + 100, (lane + 1) * width + 100].map((at) => Math.min(at, model.length));
      const cut = from + roll(to - from);
      const kind = roll(10);
      const bytes = Math.min(to - cut, 1 + roll(2 * MiB));
      if (kind === 0) calls.push(volume.zero(cut, bytes));
      else if (kind === 1) calls.push(volume.unmap(cut, bytes));
      if (kind < 2) model.fill(0, cut, cut + bytes);
      else {
        const pieces = [anyPiece(from, cut, roll, model), anyPiece(cut, to, roll, model)];
        calls.push(
          volume.writev(
            pieces.filter(({ length }) => length > 0),
            { fua: roll(4) === 0 },
          ),
        );
      }
    }
    await Promise.all(calls);
    const at = roll(model.length - 5000);
    const into = new Uint8Array(roll(5000));
    await volume.read(at, into);
    assert.deepEqual(into, copyOf(model, at, at + into.length), `read of ${into.length} at ${at} (seed ${seed})`);
  }
  await volume.flush();
  const back = new Uint8Array(model.length);
  await volume.read(0, back);
  assert.ok(Buffer.from(back).equals(model), `the LU is what was written (seed ${seed})`);
  assert.ok(readFileSync(image).equals(model), `the file is what was written (seed ${seed})`);
}
