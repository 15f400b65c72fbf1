import { setTimeout as pause } from 'node:timers/promises';
import { Extents } from '../../base/extents.ts';
import { Fault } from '../../base/fault.ts';
import { isOrdered } from '../../base/ordered.ts';
import type { Volume } from '../../base/volume.ts';
import type { Arm } from '../mirror/arm.ts';
import type { MirrorVerdict } from './verifyTypes.ts';

export interface MirrorVerifyOptions {
  arm: Arm;
  /** What the mirror is compared with; it is only ever read. */
  source: Volume;
  /** Bytes of the volume. */
  limit: number;
  /** Only these of them are compared. */
  only?: Extents;
  /** Bytes that were compared before, of those that are not among them. */
  comparedBytes?: number;
  /** Bytes that are being written, waited for or in doubt at this moment, on the bus or at either side; undefined: any. */
  busy: () => Extents | undefined;
  /** From now on what is changed is added to the set, until the function that it returns is called. */
  watch: (touched: Extents) => () => void;
  /** How late what happened on the bus may be known. */
  settleMs: number;
  bytesPerSecond: number;
  /** Blocks that were busy are compared again after this. */
  againMs?: number;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  progress: (bytes: number) => void;
  signal: AbortSignal;
}

const CHUNK_BYTES = 1024 * 1024;
const PAGE = 4096;
const AGAIN_MS = 250;
/** So often nothing may be gained before what is busy is left. */
const AGAIN_TRIES = 240;
const RANGES_MAX = 65_536;
const RANGES_TOLD = 1000;
/** Of what is kept over a restart. */
const REST_RANGES = 1024;

/**
 * Compares a mirror with the volume that it mirrors, beside everything else (requirement D5). Two reads of a block never
 * happen at one moment: what was being written, waited for its turn, or was in doubt at any time between is compared again
 * later, and not reported. What differs is read again on both sides before it is called different.
 */
export class MirrorVerify {
  readonly #options: MirrorVerifyOptions;
  readonly #differing = new Extents(RANGES_MAX);
  #again = new Extents(RANGES_MAX);
  /** What is compared first, how far that is, and what is being compared again. */
  readonly #all = new Extents();
  #at = 0;
  #late = new Extents();
  #compared: number;
  #dueNs: number;

  constructor(options: MirrorVerifyOptions) {
    const { limit, only, comparedBytes = 0 } = options;
    this.#options = options;
    this.#compared = comparedBytes;
    this.#dueNs = options.now();
    if (only === undefined) this.#all.add(0, limit);
    else only.forEachIn(0, limit, (start, end) => this.#all.add(start, end));
  }

  /** What is still to be compared, and what differs as far as it is known; somewhat more where that is scattered. */
  get rest(): Extents {
    const rest = new Extents(REST_RANGES);
    const add = (start: number, end: number): void => rest.add(start, end);
    this.#all.forEachIn(this.#at, Number.MAX_SAFE_INTEGER, add);
    for (const one of [this.#again, this.#late, this.#differing]) one.forEachIn(0, Number.MAX_SAFE_INTEGER, add);
    return rest;
  }

  /** Rejects with a `Fault` when one side cannot be read, or with the signal's reason. */
  async run(): Promise<{ verdict: MirrorVerdict; differing: Extents }> {
    const { arm, signal, againMs = AGAIN_MS } = this.#options;
    await this.#each(this.#all, (offset, length) => this.#compare(offset, length, true));
    for (let tries = 0; tries < AGAIN_TRIES && !this.#again.isEmpty; tries++) {
      await pause(againMs, undefined, { signal });
      const again = this.#again;
      this.#late = again;
      this.#again = new Extents(RANGES_MAX);
      await this.#each(again, (offset, length) => this.#compare(offset, length, false));
      this.#late = new Extents();
      if (this.#again.total < again.total) tries = 0;
    }
    const differing = this.#differing;
    const verdict: MirrorVerdict = {
      to: arm.to,
      comparedBytes: this.#compared,
      differing: differing.toRanges().slice(0, RANGES_TOLD),
      differingBytes: differing.total,
      uncomparedBytes: this.#again.total,
      repairing: false,
    };
    return { verdict, differing };
  }

  /** `[offset, offset + length)`, a chunk at most; `first`: counted as progress. */
  async #compare(offset: number, length: number, first: boolean): Promise<void> {
    await this.#throttle(length);
    const suspects = await this.#look(offset, length, (ours) => this.#differs(offset, ours));
    // Read once more, both sides as they are stored.
    await this.#each(suspects, async (from, bytes) => {
      const confirmed = await this.#look(from, bytes, (ours) => this.#readsOther(from, ours));
      confirmed.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => this.#differing.add(start, end));
    });
    if (!first) return;
    this.#at = offset + length;
    this.#compared += length;
    this.#options.progress(length);
  }

  /** What differs and was at rest all the while; what was not at rest goes among those that are compared again. */
  async #look(offset: number, length: number, compare: (ours: Uint8Array) => Promise<Extents>): Promise<Extents> {
    const { source, settleMs, busy, watch, signal } = this.#options;
    const moving = new Extents(RANGES_MAX);
    const unwatch = watch(moving);
    try {
      let all = add(moving, busy());
      const ours = new Uint8Array(length);
      await source.read(offset, ours, signal);
      const found = await compare(ours);
      if (found.isEmpty) return found;
      // What happened on the bus until now is known by then.
      if (settleMs > 0) await pause(settleMs, undefined, { signal });
      all = add(moving, busy()) || all;
      const still = new Extents(RANGES_MAX);
      found.forEachIn(offset, offset + length, (start, end) => {
        for (let at = start; at < end; at += PAGE - (at % PAGE)) {
          const to = Math.min(end, at + PAGE - (at % PAGE));
          (all || moving.intersects(at, to) ? this.#again : still).add(at, to);
        }
      });
      return still;
    } finally {
      unwatch();
    }
  }

  /** Pages that are not what the mirror holds. */
  async #differs(offset: number, ours: Uint8Array): Promise<Extents> {
    const { arm, signal } = this.#options;
    const { volume } = arm;
    if (!isOrdered(volume)) return this.#readsOther(offset, ours);
    const found = new Extents();
    for (const piece of await volume.differing(offset, ours, signal)) {
      found.add(piece.offset, piece.offset + piece.length);
    }
    return found;
  }

  async #readsOther(offset: number, ours: Uint8Array): Promise<Extents> {
    const { arm, signal } = this.#options;
    const held = new Uint8Array(ours.length);
    await arm.volume.read(offset, held, signal);
    const found = new Extents();
    if (Buffer.compare(ours, held) === 0) return found;
    for (let at = 0; at < ours.length; ) {
      const end = Math.min(ours.length, at + PAGE - ((offset + at) % PAGE));
      if (Buffer.compare(ours.subarray(at, end), held.subarray(at, end)) !== 0) found.add(offset + at, offset + end);
      at = end;
    }
    return found;
  }

  async #each(ranges: Extents, work: (offset: number, length: number) => Promise<void>): Promise<void> {
    for (const [start, length] of ranges.toRanges()) {
      for (let at = start; at < start + length; at += CHUNK_BYTES) {
        await work(at, Math.min(CHUNK_BYTES, start + length - at));
      }
    }
  }

  /** What comes next waits until its bytes may be read. Also says why nothing can be compared any more. */
  async #throttle(bytes: number): Promise<void> {
    const { bytesPerSecond, now, signal, arm, source } = this.#options;
    signal.throwIfAborted();
    if (arm.mirror.fault) throw new Fault('local', `${arm.to} cannot be compared: ${arm.mirror.fault.message}`);
    if (source.down) throw new Fault('local', `${arm.to} cannot be compared: the first volume cannot be read`);
    const at = now();
    this.#dueNs = Math.max(this.#dueNs, at - 1e9);
    const waitMs = (this.#dueNs - at) / 1e6;
    this.#dueNs += (bytes / bytesPerSecond) * 1e9;
    // The event loop turns in between, whatever the limit.
    await pause(Math.max(0, waitMs), undefined, { signal });
  }
}

/** True: anything may be moving. */
function add(moving: Extents, busy: Extents | undefined): boolean {
  busy?.forEachIn(0, Number.MAX_SAFE_INTEGER, (start, end) => moving.add(start, end));
  return busy === undefined;
}
