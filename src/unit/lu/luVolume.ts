import { designatorWords } from '../../../parsers/scsi/designator.ts';
import { lunBytes } from '../../../parsers/scsi/lun.ts';
import type { Piece } from '../../base/change.ts';
import { Fault } from '../../base/fault.ts';
import { luUrlText } from '../../base/luUrl.ts';
import type { VolumeIdentity } from '../../base/volume.ts';
import { type LuAbilities, type LuFacts, luAbilities, luIdentity } from '../../iscsi/lu/facts.ts';
import { type Edit, planWrites, type WritePlan } from '../../iscsi/lu/plan.ts';
import { LuCache } from './luCache.ts';
import { type LuHabits, ReadJob, SynchronizeJob, UnmapJob, WriteJob } from './luJobs.ts';
import { LuLink } from './luLink.ts';
import { lockLu, unlockLu } from './luLock.ts';
import { luReady, luSupports, modeOf, probeLu, readLuCapacity } from './luProbe.ts';
import type { LuSession, SessionPlan } from './luSession.ts';
import { LU_TIMING } from './luTiming.ts';
import type { LuVolume, LuVolumeOptions } from './luTypes.ts';

export type { LuVolume, LuVolumeOptions };

/** Connects, logs in and asks the LU what it is. One attempt; rejects with a `Fault` that says what to mend. */
export async function openLuVolume(options: LuVolumeOptions, signal?: AbortSignal): Promise<LuVolume> {
  const { url, mutual } = options;
  const text = luUrlText(url);
  if (options.isid.length !== 6) throw new Fault('bug', `an ISID of ${options.isid.length} bytes`);
  if ((url.user === undefined) !== (url.secret === undefined)) {
    throw new Fault('local', `${text} has a user without a secret`, 'give the secret as well');
  }
  if (mutual && url.user === undefined) {
    const mend = 'give a user and a secret for the target to check, or leave the mutual ones out';
    throw new Fault('local', `${text}: the target can prove itself only to one that proves itself`, mend);
  }
  const volume = new IscsiVolume(options, text);
  await volume.open(signal);
  return volume;
}

class IscsiVolume implements LuVolume {
  readonly text: string;
  readonly #options: LuVolumeOptions;
  readonly #link: LuLink;
  readonly #cache: LuCache;
  readonly #listeners: ((blocks: number) => void)[] = [];
  readonly #habits: LuHabits = { writeSame: 'sixteen', synchronize: 'sixteen', unmap: true };
  /** Blocks that are being read, changed and written back: what comes next waits for them. */
  readonly #edits = new Map<number, Promise<void>>();
  #facts: LuFacts | undefined;
  #abilities: LuAbilities | undefined;
  #blocks = 0;
  #toldUnlocked = false;
  #measuring = false;
  locked = false;

  constructor(options: LuVolumeOptions, text: string) {
    const { url, writable, initiatorName, isid, mutual, digests, timing, notice } = options;
    const credentials = url.user === undefined ? undefined : { user: url.user, secret: url.secret ?? '', mutual };
    const plan: SessionPlan = {
      url,
      initiatorName,
      isid,
      credentials,
      digests: digests ?? { header: false, data: false },
      lun: lunBytes(url.lun),
      writable,
      timing: { ...LU_TIMING, ...timing },
    };
    this.text = text;
    this.#options = options;
    this.#cache = new LuCache(text);
    this.#link = new LuLink({
      plan,
      name: text,
      prepare: (session) => this.#prepare(session),
      cacheLost: () => this.#cache.lost(),
      capacityChanged: () => void this.#measure(),
      notice: (line) => notice?.(line),
    });
  }

  open(signal?: AbortSignal): Promise<void> {
    return this.#link.connect(signal);
  }

  get facts(): LuFacts {
    if (!this.#facts) throw new Fault('bug', `${this.text} is not open`);
    return this.#facts;
  }

  get session(): 'up' | 'down' {
    return this.#link.session ? 'up' : 'down';
  }

  get local(): string {
    return this.#link.session?.local ?? '';
  }

  get remote(): string {
    return this.#link.session?.remote ?? '';
  }

  get blockSize(): number {
    return this.facts.capacity.blockSize;
  }

  get blocks(): number {
    return this.#blocks;
  }

  get down(): boolean {
    return this.#link.down;
  }

  get away(): Fault | undefined {
    return this.#link.away;
  }

  get losses(): number {
    return this.#cache.losses;
  }

  identity(): VolumeIdentity {
    const { target, lun } = this.#options.url;
    return { kind: 'lu', id: luIdentity(this.facts.designators, target, lun) };
  }

  async read(offset: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    if (into.length === 0) return;
    this.#inside(offset, into.length, 'a read');
    const { blockSize } = this;
    if (offset % blockSize === 0 && into.length % blockSize === 0) return this.#read(offset, into, signal);
    const from = offset - (offset % blockSize);
    const to = Math.ceil((offset + into.length) / blockSize) * blockSize;
    const head = new Uint8Array(Math.min(blockSize, to - from));
    const tail = to - from > blockSize ? new Uint8Array(blockSize) : head;
    const middle = into.subarray(from + blockSize - offset, Math.max(from + blockSize, to - blockSize) - offset);
    await this.#read(from, head, signal);
    if (tail !== head) await this.#read(to - blockSize, tail, signal);
    if (middle.length > 0) await this.#read(from + blockSize, middle, signal);
    into.set(head.subarray(offset - from, offset - from + into.length));
    if (tail !== head) into.set(tail.subarray(0, offset + into.length - (to - blockSize)), to - blockSize - offset);
  }

  async writev(pieces: readonly Piece[], options: { fua: boolean }, signal?: AbortSignal): Promise<void> {
    return this.#writePieces(pieces, options.fua, false, signal);
  }

  async zero(offset: number, length: number): Promise<void> {
    return this.#writePieces([{ offset, length, payload: 'zeros' }], false, false);
  }

  /** The blocks read as zeros afterwards, whatever the target makes of it. */
  async unmap(offset: number, length: number): Promise<void> {
    const { sameUnmaps, unmapGranule, unmapAlignment } = this.#able;
    const zeros = (from: number, to: number): Promise<void> =>
      this.#writePieces([{ offset: from, length: to - from, payload: 'zeros' }], false, true);
    const end = offset + length;
    if (sameUnmaps || unmapGranule === 0 || !this.#habits.unmap) return zeros(offset, end);
    const up = (at: number): number => Math.ceil((at - unmapAlignment) / unmapGranule) * unmapGranule + unmapAlignment;
    const from = Math.min(end, up(offset));
    const to = Math.max(from, up(end - unmapGranule + 1));
    if (to > from) await this.#unmapGranules(from, to - from);
    if (from > offset) await zeros(offset, from);
    if (end > to) await zeros(to, end);
  }

  async flush(): Promise<void> {
    if (!this.#options.writable) return;
    const ticket = this.#cache.flushBegins();
    if (this.#able.volatileCache) await this.#synchronize();
    this.#cache.flushed(ticket);
  }

  async grow(bytes: number): Promise<void> {
    const session = this.#link.session;
    if (bytes > this.#bytes && session) this.#measured(await readLuCapacity(session));
    if (bytes <= this.#bytes) return;
    const what = `${this.text} holds ${this.#bytes} bytes, ${bytes} are needed`;
    throw new Fault('local', what, `enlarge the LU at the target to at least ${bytes} bytes`);
  }

  async revive(signal?: AbortSignal): Promise<void> {
    const wasDown = this.#link.down;
    await this.#link.revive(async (session) => {
      await luReady(session, this.#options.url);
      this.#measured(await readLuCapacity(session));
    }, signal);
    if (wasDown) this.#cache.told();
  }

  onSizeChange(listener: (blocks: number) => void): void {
    this.#listeners.push(listener);
  }

  close(): Promise<void> {
    const { lockKey } = this.#options;
    return this.#link.close(async (session) => {
      if (this.locked && lockKey !== undefined) await unlockLu(session, lockKey);
    });
  }

  get #able(): LuAbilities {
    if (!this.#abilities) throw new Fault('bug', `${this.text} is not open`);
    return this.#abilities;
  }

  get #bytes(): number {
    return this.#blocks * this.blockSize;
  }

  /** A new session: is this the LU that it was, and is it ours to write? */
  async #prepare(session: LuSession): Promise<void> {
    const { url, writable, lockKey, notice } = this.#options;
    let facts = await probeLu(session, url);
    if (this.#facts && fingerprint(facts) !== fingerprint(this.#facts)) {
      const mend = 'see how the target maps its LUs; to use the new one, start anew';
      throw new Fault('local', `${this.text}: another LU answers now`, mend);
    }
    if (writable && lockKey !== undefined) {
      this.locked = await lockLu(session, lockKey, this.text);
      if (!this.locked && !this.#toldUnlocked) {
        this.#toldUnlocked = true;
        notice?.(`${this.text} has no persistent reservations: nothing keeps another unit from writing it too`);
      }
    }
    // Before the lock it may have been kept from us, by ourselves: a killed process leaves its reservation.
    if (writable && !facts.mode) facts = { ...facts, mode: await modeOf(session) };
    if (writable && facts.mode?.writeProtected) {
      throw new Fault('local', `${this.text} is write protected`, 'allow writing at the target');
    }
    if (writable && !this.#facts && (await luSupports(session, 0x93)) === false) this.#habits.writeSame = 'ten';
    this.#abilities = luAbilities(facts);
    if (this.#facts) {
      this.#facts = facts;
      this.#measured(facts.capacity);
    } else {
      this.#facts = facts;
      this.#blocks = facts.capacity.blocks;
    }
  }

  /** The target says that the capacity has changed. */
  async #measure(): Promise<void> {
    const session = this.#link.session;
    if (this.#measuring || !session) return;
    this.#measuring = true;
    try {
      this.#measured(await readLuCapacity(session));
    } catch (error) {
      this.#options.notice?.(`${this.text}: the new capacity cannot be read: ${(error as Error).message}`);
    } finally {
      this.#measuring = false;
    }
  }

  #measured({ blocks, blockSize }: { blocks: number; blockSize: number }): void {
    if (blockSize !== this.blockSize) {
      const what = `${this.text} has blocks of ${blockSize} bytes now, and had ${this.blockSize}`;
      throw new Fault('local', what, 'start anew to use it');
    }
    if (blocks === this.#blocks) return;
    this.#options.notice?.(`${this.text} holds ${blocks * blockSize} bytes now (${this.#bytes} before)`);
    this.#blocks = blocks;
    for (const listener of this.#listeners) listener(blocks);
  }

  #read(offset: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopped = (): Fault => new Fault('local', `${this.text}: stopped before it was done`);
      if (signal?.aborted) {
        reject(stopped());
        return;
      }
      const stop = (): void => {
        job.stop();
        reject(stopped());
      };
      const job = new ReadJob(this.text, this.#able, offset, into, signal !== undefined, (fault) => {
        signal?.removeEventListener('abort', stop);
        if (fault) reject(fault);
        else resolve();
      });
      signal?.addEventListener('abort', stop);
      this.#link.start(job);
    });
  }

  async #writePieces(pieces: readonly Piece[], fua: boolean, unmap: boolean, signal?: AbortSignal): Promise<void> {
    if (!this.#options.writable) throw new Fault('bug', `${this.text} was opened for reading only`);
    for (const { offset, length } of pieces) this.#inside(offset, length, 'a write');
    const plan = planWrites(pieces, this.blockSize);
    const { edits } = plan;
    if (edits.length === 0) return this.#write(plan, fua, unmap, signal);
    const all = [this.#write(plan, fua, unmap, signal), ...edits.map((edit) => this.#edit(edit, fua, signal))];
    // The pieces are the caller's again once this settles: every part has to have ended.
    for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
  }

  #write(plan: WritePlan, fua: boolean, unmap: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { volatileCache, fua: honoursFua } = this.#able;
    return new Promise((resolve, reject) => {
      const done = (fault: Fault | undefined): void => {
        if (fault) {
          reject(fault);
          return;
        }
        const durable = !volatileCache || (fua && honoursFua && !job.usedSame);
        if (!durable) this.#cache.wrote();
        if (durable || !fua) resolve();
        else this.flush().then(resolve, reject);
      };
      const { text: name, habits } = { text: this.text, habits: this.#habits };
      const job = new WriteJob({ name, abilities: this.#able, habits, plan, fua, unmap, signal, done });
      this.#link.start(job);
    });
  }

  /** One block: read, changed, written back, after any other edit of the same block. */
  #edit(edit: Edit, fua: boolean, signal: AbortSignal | undefined): Promise<void> {
    const before = this.#edits.get(edit.offset) ?? Promise.resolve();
    const mine = before
      .catch(() => undefined)
      .then(async () => {
        const block = new Uint8Array(this.blockSize);
        await this.#read(edit.offset, block, signal);
        for (const { at, bytes } of edit.patches) block.set(bytes, at);
        const run = { offset: edit.offset, length: block.length, parts: [block], part: 0, skip: 0 };
        await this.#write({ runs: [run], repeats: [], edits: [] }, fua, false, signal);
      })
      .finally(() => {
        if (this.#edits.get(edit.offset) === mine) this.#edits.delete(edit.offset);
      });
    this.#edits.set(edit.offset, mine);
    return mine;
  }

  async #unmapGranules(offset: number, length: number): Promise<void> {
    this.#inside(offset, length, 'an unmap');
    if (!this.#options.writable) throw new Fault('bug', `${this.text} was opened for reading only`);
    await new Promise<void>((resolve, reject) => {
      const done = (fault: Fault | undefined): void => (fault ? reject(fault) : resolve());
      this.#link.start(new UnmapJob(this.#able, offset, length, done));
    });
    this.#cache.wrote();
  }

  #synchronize(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (fault: Fault | undefined): void => (fault ? reject(fault) : resolve());
      this.#link.start(new SynchronizeJob(this.#habits, this.facts.mode?.wce !== true, done));
    });
  }

  #inside(offset: number, length: number, what: string): void {
    if (!(offset >= 0 && length >= 0 && Number.isSafeInteger(offset + length))) {
      throw new Fault('bug', `${what} of ${length} bytes at ${offset}`);
    }
    if (offset + length <= this.#bytes) return;
    // It may have been enlarged without a word to this session: the next attempt knows.
    void this.#measure();
    const reaches = `${this.text} holds ${this.#bytes} bytes, and ${what} reaches to ${offset + length}`;
    throw new Fault('local', reaches, `enlarge the LU at the target to at least ${offset + length} bytes`);
  }
}

/** What stays the same as long as it is the same LU. */
function fingerprint({ capacity, serial, designators, inquiry }: LuFacts): string {
  const names = designators.map(designatorWords).sort();
  return [capacity.blockSize, serial, inquiry.vendor, inquiry.product, ...names].join('\n');
}
