import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { type FoundSegment, QueueFolder } from '../../../hw/queueFolder.ts';
import { provesDurable, scanHeads } from '../../../hw/queueScan.ts';
import type { QueueSegment } from '../../../hw/queueSegment.ts';
import { type KeptState, openStoreState, type StateFile } from '../../../hw/storeState.ts';
import type { ReadHead } from '../../../parsers/formats/queueEntry.ts';
import { SEGMENT_HEADER_BYTES } from '../../../parsers/formats/queueSegment.ts';
import { STATE_IDENTITY_MAX } from '../../../parsers/formats/queueState.ts';
import { uuidBytes } from '../../../parsers/formats/queueUuid.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { QueueIndex } from '../../queue/queueIndex.ts';
import { Timeline } from '../../queue/timeline.ts';
import { EntryDamage, HistoryContents } from './historyContents.ts';
import { HistoryFold } from './historyFold.ts';
import { HistoryKeeper } from './historyKeeper.ts';
import { withoutThrough } from './historyShared.ts';

export interface Opened {
  contents: HistoryContents;
  keeper: HistoryKeeper;
}

interface Parts {
  folder: string;
  base: Volume;
  notice: (text: string) => void;
  directFrom?: number | undefined;
}

/**
 * Opens a queue as its last holder left it, however that ended: the entries up to the first one that is not whole. What
 * is missing behind it is a torn tail and cut, unless it is proved to have been durable: then it is damage, which is cut as
 * well and makes another incarnation of the store. Proofs are the acknowledged sequence, which is kept apart, and any
 * later entry that says to have been written when the bad one was durable. (A power loss leaves what was not durable yet in any
 * order, so a good entry behind a bad one proves nothing by itself.)
 */
export async function openHistory({ folder: path, base, notice, directFrom }: Parts): Promise<Opened> {
  const folder = new QueueFolder(path, directFrom);
  await folder.make();
  const file = await openStoreState(join(path, 'state'));
  let contents: HistoryContents | undefined;
  try {
    const keeper = new HistoryKeeper(file, await stateOf(file, folder, base, notice));
    contents = contentsOf(keeper.state, base, folder);
    await new Recovery(contents, keeper, notice).run();
    await meetDamagedState(contents, keeper, file.damage, notice);
    contents = await finishFold(contents, keeper, notice);
    contents.timeline.orders.recall(keeper.state.shared);
    return { contents, keeper };
  } catch (error) {
    await contents?.close();
    await file.close();
    throw error;
  }
}

function contentsOf(state: KeptState, base: Volume, folder: QueueFolder): HistoryContents {
  const index = new QueueIndex(state.base + 1);
  const { at, consistent, bytes, place, shared } = state;
  const timeline = new Timeline(index, { sequence: state.base, at, consistent, bytes, place, shared });
  return new HistoryContents(base, folder, index, timeline);
}

async function stateOf(
  file: StateFile,
  folder: QueueFolder,
  base: Volume,
  notice: (text: string) => void,
): Promise<KeptState> {
  const bytes = base.blocks * base.blockSize;
  const identity = identityOf(base);
  if (file.found === undefined) {
    const anew = `to begin anew with what the base holds, delete ${folder.path}`;
    if (!(await folder.isEmpty())) {
      const why = file.damage ?? 'it is missing';
      throw new Fault('local', `the state of the queue in ${folder.path} cannot be read (${why})`, anew);
    }
    if (file.damage !== undefined) notice(`the state in ${folder.path} was no queue's (${file.damage}): begun anew`);
    const state: KeptState = { ...NEW, store: randomUUID(), incarnation: randomUUID(), bytes, identity };
    const made = { ...state, blockSize: base.blockSize };
    // What is compared and found equal is believed to be durable, whoever wrote it there.
    await base.flush();
    await file.commit(made);
    // The folder's own name, and that of the file in it.
    await folder.sync();
    return made;
  }
  const { generation: _, ...state } = file.found;
  if (state.kind !== 'history') throw new Fault('local', `${folder.path} is no queue's`, 'name another folder');
  if (mediumOf(state.identity) !== mediumOf(identity)) {
    const what = `the queue in ${folder.path} belongs to another base (${state.identity}, not ${identity})`;
    throw new Fault('local', what, `put that base back, or delete ${folder.path} to begin anew`);
  }
  if (bytes < state.bytes) {
    const what = `the base has ${bytes} bytes, and the queue in ${folder.path} belongs to one of ${state.bytes}`;
    throw new Fault('local', what, `put that base back, or delete ${folder.path} to begin anew`);
  }
  return { ...state, identity };
}

const NEW: Omit<KeptState, 'store' | 'incarnation' | 'bytes' | 'identity'> = {
  kind: 'history',
  consistent: false,
  place: undefined,
  at: 0n,
  blockSize: 0,
  clean: false,
  damaged: false,
  base: 0,
  foldTo: 0,
  cutFrom: 0,
  acked: 0,
  reserved: 0,
};

export function identityOf(base: Volume): string {
  const { kind, id } = base.identity();
  return `${kind}: ${id}`.slice(0, STATE_IDENTITY_MAX / 4);
}

/** A device may have another number after a restart of the machine; a file keeps its own on it. */
function mediumOf(identity: string): string {
  return identity.replace(/^file: file \d+:/, 'file: file :');
}

/** Where the entries stop being whole. */
interface Bad {
  readonly sequence: number;
  readonly path: string;
  readonly position: number;
  readonly reason: string;
}

class Recovery {
  readonly #contents: HistoryContents;
  readonly #keeper: HistoryKeeper;
  readonly #notice: (text: string) => void;
  /** Files behind the one that is written to next; they go. */
  #surplus: FoundSegment[] = [];

  constructor(contents: HistoryContents, keeper: HistoryKeeper, notice: (text: string) => void) {
    this.#contents = contents;
    this.#keeper = keeper;
    this.#notice = notice;
  }

  async run(): Promise<void> {
    const { index } = this.#contents;
    const { cutFrom, acked } = this.#keeper.state;
    const torn = await this.#scan();
    // A power loss leaves pages in any order: behind one whose content is missing heads may be whole.
    const bad = (await this.#checkTail(acked)) ?? torn;
    if (bad) await this.#settle(bad);
    await this.#tidy();
    if (cutFrom > 0) await this.#keeper.commit({ cutFrom: 0 });
    const first = Math.max(index.first, Math.min(acked + 1, index.next - 1));
    if (index.entries > 0) {
      for (const [number, segment] of this.#contents.segments) {
        if (number >= index.segmentOf(first)) await segment.sync();
      }
    }
    this.#contents.synced = index.next - 1;
    await this.#keeper.commit({ acked: index.next - 1 });
  }

  /** Walks the segments as far as entries follow each other. */
  async #scan(): Promise<Bad | undefined> {
    const { folder, index } = this.#contents;
    const found = await folder.segments(uuidBytes(this.#keeper.state.store));
    while (found.length > 0) {
      const segment = found[0];
      // Everything in it is the base's already.
      if (found.length > 1 && found[1].first <= index.first) {
        await folder.remove(segment);
        found.shift();
        continue;
      }
      const bad = this.#unfit(segment);
      if (bad) {
        this.#surplus = found;
        return bad;
      }
      found.shift();
      const end = await this.#walk(segment);
      if (end === undefined) continue;
      this.#surplus = found;
      return end === 'cut' ? undefined : end;
    }
    const { acked } = this.#keeper.state;
    if (acked < index.next) return undefined;
    if (index.entries === 0) this.#contents.timeline.doubtBase();
    return { sequence: index.next, path: folder.path, position: 0, reason: 'it is missing' };
  }

  #unfit({ path, first, damage }: FoundSegment): Bad | undefined {
    const { next } = this.#contents.index;
    const bad = { sequence: next, path, position: 0 };
    if (damage !== undefined) return { ...bad, reason: damage };
    const begins = next === this.#contents.index.first;
    if (begins ? first <= next : first === next) return undefined;
    // What lies between may be in the base, which is a later moment than its state says then.
    if (begins) this.#contents.timeline.doubtBase();
    return { ...bad, reason: `it begins with entry ${first}` };
  }

  async #walk(file: FoundSegment): Promise<Bad | 'cut' | undefined> {
    const contents = this.#contents;
    const { index } = contents;
    const segment = await contents.folder.open(file);
    const number = contents.addSegment(segment);
    const { cutFrom } = this.#keeper.state;
    let sequence = file.first;
    let cut = false;
    const { position, reason } = await scanHeads(segment, SEGMENT_HEADER_BYTES, (head, at) => {
      if (head.sequence !== sequence) return `entry ${head.sequence} stands in its place`;
      cut = cutFrom > 0 && sequence >= cutFrom;
      if (cut) return 'it was cut';
      if (sequence >= index.first) this.#add(head, number, at);
      sequence++;
      return undefined;
    });
    if (reason === undefined) return undefined;
    // What would come next was cut, and not all of it is gone.
    if (cut || (cutFrom > 0 && sequence >= cutFrom)) {
      await segment.cut(position);
      return 'cut';
    }
    return { sequence: Math.max(sequence, index.next), path: segment.path, position, reason };
  }

  #add(head: ReadHead, segment: number, position: number): void {
    const { index, timeline } = this.#contents;
    index.add(head, head.headBytes, segment, position, timeline.clockOf(head.at), false);
    timeline.add(head);
  }

  /** Of what was not acknowledged the payloads may be missing as well. */
  async #checkTail(acked: number): Promise<Bad | undefined> {
    const { index } = this.#contents;
    for (let sequence = Math.max(acked + 1, index.first); sequence < index.next; sequence++) {
      try {
        await this.#contents.check(sequence);
      } catch (error) {
        if (!(error instanceof EntryDamage)) throw error;
        const { segment, position } = index.standing(sequence);
        const { path } = this.#contents.segmentAt(segment);
        return { sequence, path, position, reason: 'the checksum of its content is wrong' };
      }
    }
    return undefined;
  }

  /** Cuts what is not whole, and before that lets the store be another one if it had been durable. */
  async #settle({ sequence, path, position, reason }: Bad): Promise<void> {
    const { state } = this.#keeper;
    const where = `entry ${sequence} of the queue, at byte ${position} of ${path}`;
    if (await this.#promised(sequence, path, position)) {
      const behind = Math.max(0, state.acked - sequence);
      const lost = behind > 0 ? `, and with it ${behind} entries behind it` : '';
      this.#notice(`${where}, is damaged (${reason}): it is lost${lost}, the moments before it are kept`);
      const acked = Math.min(state.acked, sequence - 1);
      const { consistent } = this.#contents.timeline.base;
      const told = { incarnation: randomUUID(), damaged: true, consistent, cutFrom: sequence, acked };
      await this.#keeper.commit({ ...told, ...withoutThrough(state) });
    } else {
      this.#notice(`${where}, was not written whole (${reason}) and never acknowledged: cut`);
    }
    await this.#contents.cutTo(sequence - 1);
    const last = this.#contents.last?.segment;
    if (last && last.path === path && position > 0) await last.cut(position);
    await this.#removeSurplus();
    await this.#keeper.commit({ cutFrom: 0 });
  }

  async #promised(sequence: number, path: string, position: number): Promise<boolean> {
    const contents = this.#contents;
    if (this.#keeper.state.acked >= sequence) return true;
    for (const segment of contents.segments.values()) {
      const from = segment.path === path ? position : segment.first > sequence ? SEGMENT_HEADER_BYTES : undefined;
      if (from !== undefined && (await provesDurable(segment, from, sequence))) return true;
    }
    for (const file of this.#surplus) {
      let segment: QueueSegment | undefined;
      try {
        segment = await contents.folder.open(file);
        if (await provesDurable(segment, SEGMENT_HEADER_BYTES, sequence)) return true;
      } finally {
        await segment?.close();
      }
    }
    return false;
  }

  async #tidy(): Promise<void> {
    await this.#removeSurplus();
    // A segment without an entry that counts may end anywhere among the folded ones: nothing can follow there.
    await this.#contents.dropSegments(this.#contents.index.entries === 0);
  }

  async #removeSurplus(): Promise<void> {
    for (const file of this.#surplus) await this.#contents.folder.remove(file);
    if (this.#surplus.length > 0) await this.#contents.folder.sync();
    this.#surplus = [];
  }
}

/**
 * The slot that cannot be read may have said that a fold was under way, so that the base is no moment by itself. The newest
 * moment is right all the same: whatever was folded is in the queue still, and covers it. So the base becomes that one.
 */
async function meetDamagedState(
  { folder, index }: HistoryContents,
  keeper: HistoryKeeper,
  damage: string | undefined,
  notice: (text: string) => void,
): Promise<void> {
  if (damage === undefined) return;
  notice(`one half of the state in ${folder.path} cannot be read (${damage}): only the newest moment is kept`);
  if (index.entries > 0) await keeper.commit({ foldTo: index.next - 1 });
  else await keeper.commit({});
}

/** A fold was under way: it is finished, as the base holds parts of it. Without its entries the base is nobody's moment. */
async function finishFold(
  contents: HistoryContents,
  keeper: HistoryKeeper,
  notice: (text: string) => void,
): Promise<HistoryContents> {
  const { foldTo, base } = keeper.state;
  if (foldTo <= base) return contents;
  const { index } = contents;
  try {
    if (index.next > foldTo) {
      const fold = new HistoryFold(contents, keeper, notice);
      while (index.first <= foldTo) await fold.step(fold.stepTo(foldTo), () => true, foldTo);
      return contents;
    }
  } catch (error) {
    if (!(error instanceof EntryDamage)) throw error;
    notice(error.message);
  }
  const why = 'entries were lost while they were folded into it';
  notice(`the base of ${contents.folder.path} is no moment of the volume any more: ${why}`);
  await keeper.commit({
    incarnation: randomUUID(),
    damaged: true,
    consistent: false,
    place: undefined,
    base: foldTo,
    foldTo,
    cutFrom: foldTo + 1,
    acked: foldTo,
    ...withoutThrough(keeper.state),
  });
  const { folder } = contents;
  await contents.close();
  for (const file of await folder.segments(uuidBytes(keeper.state.store))) await folder.remove(file);
  await folder.sync();
  await keeper.commit({ cutFrom: 0 });
  return contentsOf(keeper.state, contents.base, folder);
}
