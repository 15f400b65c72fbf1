import { randomUUID } from 'node:crypto';
import { type KeptState, openStoreState, type StateFile } from '../../../hw/storeState.ts';
import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import type { EntryPlace, FarStore, OrderedEntry } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import { piecesOf } from '../../queue/draft.ts';
import { refuseGap } from './entryOrder.ts';
import { HistoryKeeper } from './historyKeeper.ts';
import { identityOf } from './historyOpen.ts';
import { Turn } from './historyTurn.ts';
import type { PlainOptions } from './historyTypes.ts';
import { knownPieces } from './knownPieces.ts';

/** So many numbers ahead of the durable one entries are applied before the state says so anew. */
const AHEAD = 64;

/**
 * Opens a medium without a history: entries are applied to it in order and are gone. Rejects with a `Fault` that names path and
 * mend; the medium is not closed then.
 *
 * `durable` never says too much, but the medium may hold parts of entries above it when the process or the machine ended: it is
 * no moment of the volume then until the sender has sent those again. So the store is not `consistent` after such an end
 * until it is past every number that may have been applied; that bound is made durable ahead. When another medium lies at the
 * place it is another store, and also when it ended before anything of a new sender was durable.
 */
export async function openPlainStore({ statePath, volume, notice }: PlainOptions): Promise<FarStore> {
  const file = await openStoreState(statePath);
  try {
    // What is compared and found equal is believed to be durable, whoever wrote it there.
    await volume.flush();
    return new PlainStore(volume, new HistoryKeeper(file, await stateOf(file, statePath, volume, notice)));
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function stateOf(
  file: StateFile,
  path: string,
  volume: Volume,
  notice: (text: string) => void,
): Promise<KeptState> {
  const identity = identityOf(volume);
  const bytes = volume.blocks * volume.blockSize;
  const found = file.found;
  if (found && found.kind !== 'plain') {
    throw new Fault('local', `${path} belongs to a queue`, 'name another path, or delete it to begin anew');
  }
  if (found && found.identity === identity && found.bytes <= bytes) {
    const { generation: _, ...state } = found;
    if (state.place?.number !== 0) return state;
    // Somebody had begun to send, and who had been the last before is not known any more: nobody may take it for theirs.
    notice(`${path}: the first changes of a sender were not made durable: to be compared whole`);
    const other = { ...state, incarnation: randomUUID() };
    await file.commit(other);
    return other;
  }
  if (found) notice(`${path} was kept for another medium (${found.identity}): begun anew, to be compared whole`);
  else if (file.damage !== undefined)
    notice(`${path} cannot be read (${file.damage}): begun anew, to be compared whole`);
  const state: KeptState = {
    kind: 'plain',
    store: randomUUID(),
    incarnation: randomUUID(),
    consistent: false,
    place: undefined,
    at: 0n,
    bytes,
    blockSize: volume.blockSize,
    clean: true,
    damaged: false,
    base: 0,
    foldTo: 0,
    cutFrom: 0,
    acked: 0,
    reserved: 0,
    identity,
  };
  await file.commit(state);
  return state;
}

class PlainStore implements FarStore {
  readonly #volume: Volume;
  readonly #keeper: HistoryKeeper;
  readonly #turn = new Turn();
  /** The last entry that was applied whole, and what it said. */
  #place: EntryPlace | undefined;
  #at: bigint;
  #consistent: boolean;
  /** Until this place the medium may be ahead of the entries that come. */
  #ahead: EntryPlace | undefined;
  #opened = false;
  #failed = false;
  /** Flushes that failed: what they were to make durable may be lost. */
  cuts = 0;
  #closed = false;

  constructor(volume: Volume, keeper: HistoryKeeper) {
    const { state } = keeper;
    this.#volume = volume;
    this.#keeper = keeper;
    this.#place = state.place;
    this.#at = state.at;
    this.#consistent = state.consistent;
    if (!state.clean && state.place) this.#ahead = { epoch: state.place.epoch, number: state.reserved };
  }

  get blockSize(): number {
    return this.#volume.blockSize;
  }

  get bytes(): number {
    return this.#volume.blocks * this.#volume.blockSize;
  }

  get incarnation(): string {
    return this.#keeper.state.incarnation;
  }

  get durable(): EntryPlace | undefined {
    const { place } = this.#keeper.state;
    return place?.number === 0 ? undefined : place;
  }

  get consistent(): boolean {
    return this.#consistent && !this.#failed && !this.#isAhead();
  }

  /** Marks are not kept: there is no moment but the newest. */
  append(place: EntryPlace, entry: OrderedEntry): Promise<void> {
    return this.#turn.run(async () => {
      this.#check(place, entry);
      await this.#prepare(place, entry);
      const pieces = await knownPieces(piecesOf(entry), (offset, into) => this.#volume.read(offset, into));
      if (pieces.length > 0) await this.#write(place, pieces);
      this.#place = place;
      this.#at = entry.at > this.#at ? entry.at : this.#at;
      this.#consistent = entry.consistent;
    });
  }

  sync(): Promise<void> {
    return this.#turn.run(() => this.#sync(false));
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#turn.run(() => this.#volume.read(offset, into));
  }

  grow(bytes: number): Promise<void> {
    return this.#turn.run(async () => {
      if (bytes > this.bytes) await this.#volume.grow(bytes);
    });
  }

  close(): Promise<void> {
    return this.#turn.run(async () => {
      if (this.#closed) return;
      this.#closed = true;
      const ends = await Promise.allSettled([this.#sync(true)]);
      ends.push(...(await Promise.allSettled([this.#keeper.close(), this.#volume.close()])));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
  }

  /**
   * A write that fails may have come to the medium in part: it is a moment again once the entry came whole. While it is under
   * way the newest moment is the one before, as everybody who reads waits for its end.
   */
  async #write(place: EntryPlace, pieces: readonly Piece[]): Promise<void> {
    try {
      await this.#volume.writev(sorted(pieces), { fua: false });
    } catch (error) {
      this.#failed = true;
      if (!this.#isAhead()) this.#ahead = place;
      throw error;
    }
    this.#failed = false;
  }

  #isAhead(): boolean {
    const ahead = this.#ahead;
    if (ahead === undefined) return false;
    return this.#place?.epoch === ahead.epoch && this.#place.number < ahead.number;
  }

  #check(place: EntryPlace, entry: OrderedEntry): void {
    if (this.#closed) throw new Fault('bug', 'the store is closed');
    refuseGap(this.#place, place);
    for (const { offset, length } of piecesOf(entry)) {
      if (Number.isSafeInteger(offset + length) && offset >= 0 && offset + length <= this.bytes) continue;
      throw new Fault('peer', `${length} bytes at ${offset} are not within a volume of ${this.bytes} bytes`);
    }
  }

  /** Says durably what could be found if this entry were the last before a power loss. */
  async #prepare({ epoch, number }: EntryPlace, entry: OrderedEntry): Promise<void> {
    const { state } = this.#keeper;
    const same = state.place?.epoch === epoch;
    const doubted = !entry.consistent && state.consistent;
    if (this.#opened && same && !doubted && number <= state.reserved) return;
    // The first entry of an epoch leaves the last one's behind: number 0 stands for none of this one.
    const place = same ? state.place : { epoch, number: 0 };
    const consistent = same && state.consistent && entry.consistent;
    const reserved = Math.max(number + AHEAD, same ? state.reserved : 0);
    await this.#keeper.commit({ clean: false, place, consistent, reserved });
    if (!same) this.#place = place;
    this.#opened = true;
  }

  async #sync(clean: boolean): Promise<void> {
    const place = this.#place;
    const { state } = this.#keeper;
    if (place === state.place && !clean) return;
    try {
      await this.#volume.flush();
    } catch (error) {
      // What the medium has lost it may call durable the next time: everything since the last sync is to come again.
      this.cuts++;
      if (place && !this.#isAhead()) this.#ahead = place;
      this.#place = state.place;
      throw error;
    }
    const ahead = this.#isAhead();
    const next = place === undefined ? 0 : place.number + AHEAD;
    const reserved = Math.max(next, ahead && this.#ahead ? this.#ahead.number : 0);
    const whole = clean && !ahead && !this.#failed;
    const told = { place, at: this.#at, bytes: this.bytes, reserved };
    await this.#keeper.commit({ ...told, consistent: this.#consistent, clean: whole });
  }
}

/** As a volume takes them: by their offset. */
function sorted<T extends { readonly offset: number }>(pieces: readonly T[]): readonly T[] {
  for (let i = 1; i < pieces.length; i++) {
    if (pieces[i].offset < pieces[i - 1].offset) return [...pieces].sort((a, b) => a.offset - b.offset);
  }
  return pieces;
}
