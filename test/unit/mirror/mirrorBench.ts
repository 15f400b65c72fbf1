import assert from 'node:assert/strict';
import type { Change, Piece } from '../../../src/base/change.ts';
import { Fault } from '../../../src/base/fault.ts';
import { Ring } from '../../../src/buffer/ring.ts';
import { Mirror, type MirrorOptions } from '../../../src/mirror/mirror.ts';
import type { MirrorRequest } from '../../../src/mirror/requests.ts';
import { Unresolved } from '../../../src/record/unresolved.ts';

export const SIZE = 64 * 512;

export class Bench {
  readonly ring = new Ring({ give: () => {}, eased: () => {} });
  readonly record = new Unresolved();
  readonly mirror: Mirror;
  #seq = 0;

  constructor(options: Partial<MirrorOptions> = {}) {
    const backlog = this.ring.join((change) => this.mirror.step({ kind: 'missed', change }));
    const name = { to: 'file:/mirror', medium: 'file' as const };
    this.mirror = new Mirror({ name, backlog, record: this.record, size: SIZE, ...options });
  }

  push(pieces: Piece[] | 'wholeLu', rest: Partial<Change> = {}): void {
    this.ring.push({ seq: ++this.#seq, at: 0n, lu: 'iqn.test/0', pieces, fua: false, ...rest });
  }

  barrier(): void {
    this.ring.pushBarrier({ seq: ++this.#seq, at: 0n, lu: 'iqn.test/0' });
  }

  more(): readonly MirrorRequest[] {
    this.mirror.step({ kind: 'more' });
    return this.mirror.take();
  }

  done(request: MirrorRequest): readonly MirrorRequest[] {
    assert.ok('id' in request);
    this.mirror.step({ kind: 'done', id: request.id });
    return this.mirror.take();
  }

  failed(request: MirrorRequest, source = false): readonly MirrorRequest[] {
    assert.ok('id' in request);
    this.mirror.step({ kind: 'failed', id: request.id, fault: new Fault('local', 'bad sector'), source });
    return this.mirror.take();
  }

  unresolved(): [number, number][] {
    return this.record
      .below(SIZE)
      .toRanges()
      .map(([start, length]) => [start / 512, length / 512]);
  }
}

export function data(lbn: number, blocks = 1): Piece {
  return { offset: lbn * 512, length: blocks * 512, payload: [new Uint8Array(blocks * 512)] };
}

export function only(lbn: number, blocks = 1): Piece {
  return { offset: lbn * 512, length: blocks * 512, payload: 'lbnOnly' };
}

export const kinds = (requests: readonly MirrorRequest[]): string[] => requests.map(({ kind }) => kind);
