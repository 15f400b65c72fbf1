import assert from 'node:assert/strict';
import { SpillSpace } from '../../../../hw/spillSpace.ts';
import type { Change, Piece } from '../../../../src/base/change.ts';
import { Fault } from '../../../../src/base/fault.ts';
import type { CopyOut } from '../../../../src/base/recall.ts';
import type { CopyOutOptions } from '../../../../src/unit/mirror/recall.ts';
import { MemoryVolume } from '../../../sim/memoryVolume.ts';

export type SpillModel = CopyOutOptions['spill'] & { medium: MemoryVolume; shorts: number };

/** Temporary storage in memory whose calls end when the test says so; no two under way may touch the same place. */
export function memorySpill(bytesMax: number): SpillModel {
  const space = new SpillSpace(bytesMax);
  const medium = new MemoryVolume(new Uint8Array(space.bytesMax));
  return {
    medium,
    shorts: 0,
    bytesMax: space.bytesMax,
    get usedBytes() {
      return space.usedBytes;
    },
    take(bytes) {
      const run = space.take(bytes);
      if (!run) this.shorts++;
      return run;
    },
    give: (place, bytes) => space.give(place, bytes),
    write: (place, bytes) => medium.writev([{ offset: place, length: bytes.length, payload: [bytes] }], { fua: false }),
    read: (place, into) => medium.read(place, into),
    close: () => medium.close(),
  };
}

interface Taken {
  change: Change;
  pending: number;
  written: boolean;
}

/**
 * A local mirror as its pump drives it: pieces in order, those that touch bytes under way wait and so does all behind them;
 * copies touch nothing under way; what fails breaks it, and then it takes its backlog without writing until it is mended.
 */
export class LocalMirror {
  readonly volume: MemoryVolume;
  readonly #guard: CopyOut;
  readonly #backlog: Change[] = [];
  readonly #busy: [number, number][] = [];
  #current: Taken | undefined;
  #index = 0;
  broken = false;
  readonly notWritten = new Set<number>();

  constructor(volume: MemoryVolume, guard: CopyOut) {
    this.volume = volume;
    this.#guard = guard;
  }

  get idle(): boolean {
    return this.#backlog.length === 0 && this.#current === undefined && this.#busy.length === 0;
  }

  push(change: Change): void {
    this.#backlog.push(change);
  }

  /** Starts the next piece, or takes the next change; false when it has to wait. */
  go(): boolean {
    const taken = this.#current;
    if (!taken) {
      const change = this.#backlog.shift();
      if (!change) return false;
      this.#current = { change, pending: 1, written: true };
      this.#index = 0;
      return true;
    }
    const piece = (taken.change.pieces as readonly Piece[])[this.#index];
    if (piece === undefined || this.broken) {
      if (piece !== undefined) taken.written = false;
      this.#current = undefined;
      this.#end(taken);
      return true;
    }
    if (piece.payload !== 'lbnOnly') {
      if (this.#touches(piece.offset, piece.length)) return false;
      taken.pending++;
      void this.#write(piece, taken);
    }
    this.#index++;
    return true;
  }

  /** A copy from the first volume; false when something under way touches it. */
  copy(offset: number, bytes: Uint8Array): boolean {
    if (this.broken || this.#touches(offset, bytes.length)) return false;
    const range: [number, number] = [offset, offset + bytes.length];
    this.#busy.push(range);
    const copied = async (): Promise<void> => {
      await this.#guard.before(offset, bytes.length, Number.POSITIVE_INFINITY);
      const piece: Piece = { offset, length: bytes.length, payload: [bytes] };
      await this.volume.writev([piece], { fua: false }).catch((error) => this.#failed(error));
      this.#busy.splice(this.#busy.indexOf(range), 1);
    };
    void copied();
    return true;
  }

  async #write({ offset, length, payload }: Piece, taken: Taken): Promise<void> {
    const range: [number, number] = [offset, offset + length];
    this.#busy.push(range);
    const wait = this.#guard.before(offset, length, taken.change.seq);
    if (wait) await wait;
    const isOr = typeof payload === 'object' && 'or' in payload;
    const bytes = isOr ? payload.or : payload;
    await this.volume.writev([{ offset, length, payload: bytes }], { fua: false }).catch((error) => {
      taken.written = false;
      this.#failed(error);
    });
    this.#busy.splice(this.#busy.indexOf(range), 1);
    this.#end(taken);
  }

  #failed(error: unknown): void {
    assert.ok(error instanceof Fault, String(error));
    this.broken = true;
  }

  #end(taken: Taken): void {
    taken.pending--;
    if (taken.pending > 0) return;
    if (!taken.written) this.notWritten.add(taken.change.seq);
    this.#guard.done(taken.change.seq, taken.written);
  }

  #touches(offset: number, length: number): boolean {
    return this.#busy.some(([start, end]) => start < offset + length && end > offset);
  }
}

/** For each byte of a volume what pieces leave there: -1 where they leave nothing, -2 what only the medium knows. */
export function leaves(pieces: readonly Piece[], volumeBytes: number): Int16Array {
  const bytes = new Int16Array(volumeBytes).fill(-1);
  for (const { offset, length, payload } of pieces) {
    if (payload === 'zeros') bytes.fill(0, offset, offset + length);
    else if (Array.isArray(payload)) bytes.set(Buffer.concat(payload as Uint8Array[]), offset);
    else if (typeof payload === 'object' && 'fill' in payload) {
      const { fill } = payload as { fill: Uint8Array };
      for (let at = 0; at < length; at++) bytes[offset + at] = fill[at % fill.length];
    } else bytes.fill(-2, offset, offset + length);
  }
  return bytes;
}

/** Bytes that more than one of the pieces names are not kept. */
export function overlaps(pieces: readonly Piece[], volumeBytes: number): Uint8Array {
  const times = new Uint8Array(volumeBytes);
  for (const { offset, length } of pieces) for (let at = offset; at < offset + length; at++) times[at]++;
  return times.map((count) => (count > 1 ? 1 : 0));
}

/** Everything happens that needs no call of a volume to end. */
export async function ticks(): Promise<void> {
  for (let n = 0; n < 40; n++) await undefined;
}
