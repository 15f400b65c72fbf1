import { openScratchFile, type ScratchFile } from '../../../hw/scratchFile.ts';
import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import { isFill, isOr } from '../../base/payload.ts';
import type { Volume, VolumeIdentity } from '../../base/volume.ts';
import type { MomentTarget } from '../../queue/moments.ts';
import { repeatInto } from './historyContents.ts';
import { Turn } from './historyTurn.ts';
import type { Forcing, HistoryStore, MomentView } from './historyTypes.ts';
import { WrittenBlocks } from './historyWritten.ts';

export interface ViewOptions extends Forcing {
  /** Path of a file that is made for what is written to the view, and that is gone with it. Absent: it cannot be written. */
  scratch?: string;
}

/** A moment as a volume. */
export interface HistoryView extends Volume {
  readonly sequence: number;
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly consistent: boolean;
  readonly writable: boolean;
}

/** Bytes of one write to the scratch file where a block is repeated. */
const FILL_BYTES = 256 * 1024;

/**
 * Opens a moment of a volume's past as a volume that can be read and, with `scratch`, written, without a change to what is
 * kept. Folding stops before the moment until the view is closed. Throws a `Fault` where the moment is not kept, or is not
 * consistent and not forced.
 */
export async function openView(
  store: HistoryStore,
  moment: MomentTarget,
  options: ViewOptions = {},
): Promise<HistoryView> {
  const view = store.view(store.find(moment, options).sequence, options);
  try {
    const scratch = options.scratch === undefined ? undefined : await openScratchFile(options.scratch, view.bytes);
    return new OpenView(store, view, scratch);
  } catch (error) {
    view.close();
    throw error;
  }
}

class OpenView implements HistoryView {
  readonly blockSize: number;
  readonly blocks: number;
  readonly #id: string;
  readonly #view: MomentView;
  readonly #scratch: ScratchFile | undefined;
  /** Blocks that lie in the scratch file. */
  readonly #written: WrittenBlocks;
  /** Held by calls that read what they write. */
  readonly #turn = new Turn();
  #closed = false;

  constructor(store: HistoryStore, view: MomentView, scratch: ScratchFile | undefined) {
    this.blockSize = store.blockSize;
    this.blocks = Math.floor(view.bytes / this.blockSize);
    this.#id = `${store.incarnation} at ${view.sequence}`;
    this.#view = view;
    this.#scratch = scratch;
    this.#written = new WrittenBlocks(this.blockSize);
  }

  get sequence(): number {
    return this.#view.sequence;
  }

  get at(): bigint {
    return this.#view.at;
  }

  get consistent(): boolean {
    return this.#view.consistent;
  }

  get writable(): boolean {
    return this.#scratch !== undefined;
  }

  get down(): boolean {
    return this.#closed;
  }

  identity(): VolumeIdentity {
    return { kind: 'memory', id: `moment:${this.#id}` };
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#check(offset, into.length);
    const scratch = this.#scratch;
    if (scratch === undefined || this.#written.isEmpty) return this.#view.read(offset, into, signal);
    const parts: Promise<void>[] = [];
    this.#written.forEachRun(offset, offset + into.length, (start, end, written) => {
      const part = into.subarray(start - offset, end - offset);
      parts.push(written ? scratch.read(start, part) : this.#view.read(start, part, signal));
    });
    // All have ended before the bytes are the caller's again.
    for (const part of await Promise.allSettled(parts)) if (part.status === 'rejected') throw part.reason;
  }

  async writev(pieces: readonly Piece[]): Promise<void> {
    for (const piece of pieces) await this.#write(piece);
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.#write({ offset, length, payload: 'zeros' });
  }

  unmap(offset: number, length: number): Promise<void> {
    return this.zero(offset, length);
  }

  /** What is written outlives nothing: there is nothing to make durable. */
  async flush(): Promise<void> {
    this.#check(0, 0);
  }

  async grow(bytes: number): Promise<void> {
    if (bytes <= this.#view.bytes) return;
    throw new Fault('local', `a moment of ${this.#view.bytes} bytes cannot become longer`);
  }

  async revive(): Promise<void> {
    this.#check(0, 0);
  }

  onSizeChange(): void {}

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#view.close();
    await this.#turn.run(async () => this.#scratch?.close());
  }

  async #write({ offset, length, payload }: Piece): Promise<void> {
    this.#check(offset, length);
    const scratch = this.#scratch;
    if (scratch === undefined) {
      throw new Fault('local', 'this moment is open for reading only', 'open it with a scratch file to write to it');
    }
    if (payload === 'lbnOnly' || isOr(payload)) throw new Fault('bug', 'only bytes that are known can be written');
    if (length === 0) return;
    const whole = offset % this.blockSize === 0 && (offset + length) % this.blockSize === 0;
    if (!whole) await this.#turn.run(() => this.#bring(offset, offset + length, scratch));
    if (payload === 'zeros') await this.#zero(offset, length, scratch);
    else if (isFill(payload)) await this.#fill(offset, length, payload.fill, scratch);
    else {
      let at = offset;
      for (const part of payload) {
        const bytes = part.subarray(0, offset + length - at);
        await scratch.write(at, bytes);
        at += bytes.length;
      }
    }
    this.#written.add(offset, offset + length);
  }

  /** Brings the blocks at both ends of `[start, end)` into the scratch file whole, unless they are there. */
  async #bring(start: number, end: number, scratch: ScratchFile): Promise<void> {
    const { blockSize } = this;
    for (const block of new Set([Math.floor(start / blockSize), Math.floor((end - 1) / blockSize)])) {
      const at = block * blockSize;
      if (this.#written.has(at)) continue;
      const bytes = new Uint8Array(Math.min(blockSize, this.#view.bytes - at));
      await this.#view.read(at, bytes);
      await scratch.write(at, bytes);
      this.#written.add(at, at + bytes.length);
    }
  }

  /** Where nothing was written the scratch file holds zeros already. */
  async #zero(offset: number, length: number, scratch: ScratchFile): Promise<void> {
    const runs: [number, number][] = [];
    this.#written.forEachRun(offset, offset + length, (start, end, written) => {
      if (written) runs.push([start, end]);
    });
    for (const [start, end] of runs) await scratch.zero(start, end - start);
  }

  async #fill(offset: number, length: number, block: Uint8Array, scratch: ScratchFile): Promise<void> {
    const most = Math.max(block.length, FILL_BYTES - (FILL_BYTES % block.length));
    const bytes = new Uint8Array(Math.min(most, length));
    repeatInto(bytes, block, 0);
    for (let done = 0; done < length; done += bytes.length) {
      await scratch.write(offset + done, bytes.subarray(0, Math.min(bytes.length, length - done)));
    }
  }

  #check(offset: number, length: number): void {
    if (this.#closed) throw new Fault('local', 'the moment is closed');
    if (offset >= 0 && length >= 0 && offset + length <= this.#view.bytes) return;
    throw new Fault('bug', `${length} bytes at ${offset} of a moment of ${this.#view.bytes} bytes`);
  }
}
