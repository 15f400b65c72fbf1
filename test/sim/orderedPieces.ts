import assert from 'node:assert/strict';
import type { Lease, Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import { isFill, isOr } from '../../src/base/payload.ts';

export const BLOCK = 16;
export const BLOCKS = 24;
export const SIZE: number = BLOCK * BLOCKS;

export function blocks(offset: number, length: number): [number, number] {
  return [Math.floor(offset / BLOCK) * BLOCK, Math.ceil((offset + length) / BLOCK) * BLOCK];
}

export function touches(piece: Piece, offset: number, length: number): boolean {
  const [start, end] = blocks(piece.offset, piece.length);
  return start < offset + length && offset < end;
}

export function union(pieces: readonly Piece[]): Extents {
  const all = new Extents();
  for (const { offset, length } of pieces) all.add(offset, offset + length);
  return all;
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

export function put(bytes: Uint8Array, { offset, length, payload }: Piece): void {
  if (payload === 'lbnOnly') assert.fail('an entry knows its bytes');
  if (payload === 'zeros') bytes.fill(0, offset, offset + length);
  else if (isFill(payload)) {
    for (let i = 0; i < length; i++) bytes[offset + i] = payload.fill[i % payload.fill.length];
  } else {
    let at = offset;
    for (const part of isOr(payload) ? payload.or : payload) {
      for (const byte of part) {
        bytes[at] = isOr(payload) ? bytes[at] | byte : byte;
        at++;
      }
    }
    assert.equal(at, offset + length, 'a piece has its bytes');
  }
}

/** The bytes as they lie in the lease. */
export function parted(lease: Lease, bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const part of lease.parts) {
    const taken = part.subarray(0, bytes.length - at);
    if (taken.length === 0) break;
    taken.set(bytes.subarray(at, at + taken.length));
    parts.push(taken);
    at += taken.length;
  }
  assert.equal(at, bytes.length, 'a lease has room for its bytes');
  return parts;
}
