import type { Reason } from '../base/backlog.ts';
import { Fault } from '../base/fault.ts';
import type { StoredRecord } from '../base/record.ts';
import { Unresolved } from './unresolved.ts';

/**
 * A mirror's record that survives the process: block by block in memory, chunk by chunk in its storage.
 *
 * What comes to be in doubt is marked in the storage before anything else happens. A mark is not taken out here: that
 * waits until the mirror has been flushed (see `StoredRecord`). When the storage fails the record in memory goes on, what is
 * stored is discarded before the mark returns, as it is not complete any more (the next opening finds everything marked), and
 * `failed` is told. It is told once more where discarding fails as well: then somebody has to remove what is stored. Whoever
 * sees to it calls `keepAgain` from time to time; `again` is told when that has succeeded.
 */
export class KeptRecord extends Unresolved {
  readonly stored: StoredRecord;
  readonly #failed: (fault: Fault) => void;
  readonly #again: () => void;
  /** Set while nothing is stored. */
  #fault: Fault | undefined;
  /** What was told last, and has not ended. */
  #told: Fault | undefined;
  #discarding: Promise<void> | undefined;
  /** It is about to be stored again: commands wait until that has succeeded or failed. */
  #resuming: Promise<void> | undefined;
  #forgotten = false;
  #batch: Promise<void> | undefined;

  constructor(stored: StoredRecord, failed: (fault: Fault) => void, again: () => void = () => {}) {
    super();
    this.stored = stored;
    this.#failed = failed;
    this.#again = again;
  }

  /** True from when the storage took a mark no more until it is kept again. */
  get broken(): boolean {
    return this.#fault !== undefined;
  }

  /** It is worth a `keepAgain`: after a mistake in tapmirror itself nobody knows what is not marked. */
  get mayKeepAgain(): boolean {
    return this.#fault !== undefined && this.#fault.blame !== 'bug' && !this.#forgotten;
  }

  /** Why, in the words that `failed` was told last. */
  get fault(): Fault | undefined {
    return this.#told;
  }

  override add(offset: number, length: number, reason: Reason): void {
    super.add(offset, length, reason);
    this.mark(offset, length);
  }

  override addWhole(reason: Reason): void {
    super.addWhole(reason);
    this.mark(0, Number.MAX_SAFE_INTEGER);
  }

  /** A host is about to write `[offset, offset + length)`; up to 2^53-1 for the whole volume. */
  mark(offset: number, length: number): void {
    try {
      if (length === Number.MAX_SAFE_INTEGER) this.stored.markAll();
      else this.stored.mark(offset, length);
    } catch (fault) {
      this.#fail(fault as Fault);
    }
  }

  /**
   * Undefined when what is marked within `[offset, offset + length)` survives a power loss; else resolves when it does, or
   * when what is stored has been discarded (or cannot be: `failed` is told before it resolves). Never rejects.
   */
  settled(offset: number, length: number): Promise<void> | undefined {
    if (this.broken) return this.#resuming ?? this.#discarding;
    if (this.stored.durable(offset, length)) return undefined;
    this.#batch ??= this.#syncSoon();
    return this.#batch;
  }

  /** As `settled`, for every mark made so far. */
  async sync(): Promise<void> {
    if (this.broken) return this.#resuming ?? this.#discarding;
    try {
      await this.stored.sync();
    } catch (fault) {
      this.#fail(fault as Fault);
      await this.#discarding;
    }
  }

  /**
   * One more attempt after `failed`: what is marked in memory, which is all of it, is stored, and whatever is marked from then
   * on. Resolves when that survives a power loss. Rejects with a `Fault` where it came to nothing: nothing is stored that would
   * be believed. One call at a time, while `mayKeepAgain`.
   */
  async keepAgain(): Promise<void> {
    await this.#discarding;
    // The most of it while nobody waits.
    await this.stored.lay();
    const resumed = this.#resume();
    this.#resuming = resumed.catch(() => {});
    try {
      await resumed;
    } finally {
      this.#resuming = undefined;
    }
  }

  /** What a power loss must not part: marks that nobody waited for are durable before anything there is believed. */
  async #resume(): Promise<void> {
    await this.stored.lay();
    if (this.#forgotten) throw new Fault('local', 'the record is not kept any more');
    this.stored.resume();
    this.#fault = undefined;
    await this.sync();
    if (this.#fault !== undefined) throw this.#fault;
    this.#told = undefined;
    this.#again();
  }

  /** It is kept no more, for ever. Resolves when nothing that is stored would be believed; rejects with a `Fault`. */
  async forget(): Promise<void> {
    this.#forgotten = true;
    await this.#resuming;
    await this.stored.discard();
  }

  /** Everything that is marked in one go, the commands of one read for example, is made durable in one go. */
  async #syncSoon(): Promise<void> {
    await undefined;
    this.#batch = undefined;
    await this.sync();
  }

  /**
   * Media that answered only now: when they are not those that the record was kept for, nothing is known of them. False:
   * everything is in doubt therefore.
   */
  meet(media: { mirrorId?: string; firstId?: string }): boolean {
    try {
      if (this.stored.identify(media)) return true;
      this.addWhole('unseen');
    } catch (fault) {
      this.addWhole('unseen');
      this.#fail(fault as Fault);
    }
    return false;
  }

  /** The volume is this long now. */
  resize(bytes: number): void {
    try {
      this.stored.resize(bytes);
    } catch (fault) {
      this.#fail(fault as Fault);
      // In memory alone, where there is room.
      this.stored.resize(bytes);
    }
  }

  #fail(fault: Fault): void {
    if (this.broken) return;
    this.#fault = fault;
    this.#discarding = this.#discard();
    this.#tell(fault);
  }

  /** What holds for a process that is killed now holds when this returns: whoever was about to mark goes on. */
  async #discard(): Promise<void> {
    try {
      await this.stored.discard();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const what = `what it holds cannot be discarded, and a restart would believe it: ${why}`;
      const mend = 'remove the file before the next start, unless it is kept again until then';
      this.#fault = new Fault('local', what, mend, { cause });
      this.#tell(this.#fault);
    }
    this.#discarding = undefined;
  }

  #tell(fault: Fault): void {
    this.#told = fault;
    this.#failed(fault);
  }

  /** Everything that is marked comes to be in doubt: what was given to the mirror since its last flush may be lost there. */
  distrust(limit: number): void {
    for (const [start, length] of this.stored.below(limit).toRanges()) super.add(start, length, 'not-written');
  }
}
