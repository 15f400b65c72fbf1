import type { Change, Doubt, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { absolute, type Bus } from '../bus.ts';
import { piecesOf } from '../effects.ts';
import type { Task } from '../task.ts';
import { beyondBytes, blocksMax, blocksOf, remember } from './blocks.ts';
import { Intents } from './intents.ts';
import type { Lu } from './lu.ts';
import { type Outstanding, outstandingAt } from './outstanding.ts';
import { common, tangleAll, tangleCommon, tangleWithin } from './tangle.ts';

/** Ended tasks kept until the block size is known; more put the LU in doubt whole. */
const HELD_MAX = 4096;
/** Tasks in flight at one LU that are weighed against each other, rivals of one task, and tasks that wait for others. */
const OPEN_MAX = 8192;
const RIVALS_MAX = 256;
const WAITING_MAX = 1024;

/**
 * Turns ended write-natured tasks into changes, in an order that the medium must have had: two writes that were in
 * flight together on the same blocks become LBN-only there, because wire order is not medium order (requirement B2).
 */
export class Journal {
  private readonly bus: Bus;
  /** LUs with ended tasks that wait for another connection's status to arrive. */
  private readonly patient = new Set<Lu>();
  /** LUs where tasks that nobody follows any more may still land, and since when. */
  private readonly restless = new Map<Lu, number>();
  /** The latest frame that a command or an end was seen in. */
  private lastFrame = 0;
  readonly intents: Intents;

  constructor(bus: Bus) {
    this.bus = bus;
    this.intents = new Intents(bus.sink);
  }

  /** A command that may change the medium was sent. */
  enter(task: Task): void {
    const { lu } = task;
    const { open } = lu;
    if (lu.crowded) {
      lu.crowded = open.length > OPEN_MAX / 2;
      task.blurred = lu.crowded;
    } else if (open.length >= OPEN_MAX) {
      lu.crowded = true;
      for (const other of open) other.blurred = true;
      task.blurred = true;
    }
    open.push(task);
    if (task.openFrame > this.lastFrame) this.lastFrame = task.openFrame;
  }

  /** Its extents are known: pairs [first, end) of blocks. */
  know(task: Task, blocks: number[]): void {
    task.blocks = blocks;
    task.blocksKnown = true;
    this.intents.of(task);
    const { recent } = task.lu;
    if (recent.newest > task.openFrame) recent.since(task.openFrame, (s, e) => tangleWithin(task, s, e));
    if (task.blurred) return;
    for (const rival of task.lu.open) {
      if (rival === task || rival.blurred || !common(task, rival)) continue;
      task.rivals ??= [];
      rival.rivals ??= [];
      if (task.rivals.length >= RIVALS_MAX || rival.rivals.length >= RIVALS_MAX) {
        tangleCommon(task, rival);
        continue;
      }
      task.rivals.push(rival);
      rival.rivals.push(task);
    }
  }

  knowWhole(task: Task): void {
    task.wholeLu = true;
    this.know(task, []);
  }

  /** Its outcome is known. With `final` false it may still land later (its connection is gone). */
  leave(task: Task, effect: 'done' | 'doubt' | 'nothing', doubt: Doubt, final: boolean): void {
    task.effect = effect;
    task.doubt = doubt;
    task.final = final;
    if (task.endFrame > this.lastFrame) this.lastFrame = task.endFrame;
    task.sealData();
    if (effect === 'nothing') {
      this.retire(task);
      task.releaseTo(this.bus.room);
    } else {
      if (!task.blocksKnown) this.knowWhole(task);
      task.lu.waiting.push(task);
    }
    this.settle(task.lu);
  }

  /** A task that was left in doubt can no longer land: its blocks are read back once more, from now on for good. */
  finalise(task: Task): void {
    if (task.final) return;
    task.final = true;
    if (!task.emitted) return;
    this.retire(task);
    this.emit(task, true);
    for (const { lu, extents } of task.far ?? []) this.doubtFar(lu, extents);
    this.settle(task.lu);
  }

  /** A copy that was sent to another LU writes here. */
  doubtFar(lu: Lu, extents: Extents | 'wholeLu'): void {
    if (extents === 'wholeLu') this.doubtWhole(lu, 'effect');
    else this.doubtBlocks(lu, extents, 'effect');
  }

  /** Tasks may land at `lu` that nobody follows any more: it is in doubt now, and again once they no longer can. */
  unfollowed(lu: Lu): void {
    this.doubtWhole(lu, 'aborted');
    if (this.restless.size < RIVALS_MAX || this.restless.has(lu)) this.restless.set(lu, this.bus.now);
  }

  /** `from` was another name of `to` all along: what was written there was written here. */
  merged(from: Lu, to: Lu): void {
    if (from.writtenWhole) this.doubtWhole(to, 'identity');
    else this.doubtBlocks(to, from.written, 'identity');
    for (const task of from.held) this.doubtTask(to, task);
    this.releaseHeld(from);
    from.written.clear();
  }

  /** The LU as a whole is in doubt: whatever is in flight there can no longer be told apart. */
  doubtWhole(lu: Lu, doubt: Doubt): void {
    // What is held came before this doubt: let out later it would seem to settle it.
    this.releaseHeld(lu);
    for (const task of lu.open) tangleAll(task);
    lu.doubts++;
    lu.recent.note(this.lastFrame, 0, Number.MAX_SAFE_INTEGER);
    if (doubt !== 'cache-loss') lu.unsynchronised(0, Number.POSITIVE_INFINITY);
    this.pushChange(lu, 'wholeLu', doubt, absolute(this.bus, this.bus.now), false, undefined);
  }

  /** Blocks [start, end) of `lu` changed in a way that is not in the data (EXTENDED COPY, a lost cache). */
  doubtBlocks(lu: Lu, ranges: Extents, doubt: Doubt): void {
    if (lu.blockSize === 0 || (ranges.last()?.[1] ?? 0) > blocksMax(lu)) {
      if (!ranges.isEmpty) this.doubtWhole(lu, doubt);
      return;
    }
    lu.doubts++;
    const pieces: Piece[] = [];
    ranges.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => {
      lu.recent.note(this.lastFrame, s, e);
      if (doubt !== 'cache-loss') lu.unsynchronised(s, e);
      const end = lu.blocks > 0 ? Math.min(e, lu.blocks) : e;
      if (s < end) pieces.push({ offset: s * lu.blockSize, length: (end - s) * lu.blockSize, payload: 'lbnOnly' });
      for (const task of lu.open) tangleWithin(task, s, e);
    });
    if (pieces.length > 0) this.pushChange(lu, pieces, doubt, absolute(this.bus, this.bus.now), false, undefined);
  }

  /** SYNCHRONIZE CACHE ended in GOOD. */
  barrier(lu: Lu, time: number): void {
    this.bus.sink.barrier?.({ seq: ++this.bus.seq, at: absolute(this.bus, time), lu: lu.id });
  }

  /** The block size became known: what was held goes out. */
  sizeKnown(lu: Lu): void {
    const held = lu.held;
    lu.held = [];
    for (const task of held) this.emit(task, false);
  }

  /** Statuses of other connections that were waited for may be overdue by now. */
  tick(): void {
    for (const lu of this.patient) this.settle(lu);
    for (const [lu, since] of this.restless) {
      if (this.bus.now - since <= this.bus.settleNs) continue;
      this.restless.delete(lu);
      this.doubtWhole(lu, 'aborted');
    }
  }

  /** The source has ended: nothing is waited for any more. */
  finish(): void {
    for (const lu of new Set([...this.patient, ...this.bus.directory.all()])) {
      this.settle(lu, true);
      if (this.restless.has(lu)) this.doubtWhole(lu, 'aborted');
      if (lu.held.length > 0) {
        this.releaseHeld(lu);
        this.pushChange(lu, 'wholeLu', 'block-size', absolute(this.bus, this.bus.now), false, undefined);
      }
    }
  }

  /** What writes on their way to `lu` may still change. */
  outstanding(lu: Lu): Outstanding {
    return outstandingAt(lu, this.bus.directory, this.restless);
  }

  private settle(lu: Lu, wanted = false): void {
    const force = wanted || lu.waiting.length > WAITING_MAX;
    for (let progress = true; progress && lu.waiting.length > 0; ) {
      progress = false;
      for (let i = 0; i < lu.waiting.length; i++) {
        const task = lu.waiting[i];
        if (!this.mayGo(task, force)) continue;
        lu.waiting.splice(i--, 1);
        progress = true;
        if (task.final) this.retire(task);
        this.emit(task, false);
      }
      if (force && !progress && lu.waiting.length > 0) {
        // Cannot happen while frames are ordered; a cycle would otherwise keep changes back for ever.
        for (const task of lu.waiting) tangleAll(task);
        const task = lu.waiting.shift()!;
        this.retire(task);
        this.emit(task, false);
        progress = true;
      }
    }
    if (lu.waiting.length > 0) this.patient.add(lu);
    else this.patient.delete(lu);
  }

  /** Weighs an ended task against each of its rivals; false while an earlier one has to go first. */
  private mayGo(task: Task, force: boolean): boolean {
    if (task.rivals === undefined) return true;
    for (const rival of [...task.rivals]) {
      const ended = rival.effect !== 'pending';
      if (ended && rival.final) {
        if (rival.responseFrame > 0 && task.openFrame > rival.responseFrame) return false;
        if (task.responseFrame > 0 && rival.openFrame > task.responseFrame) continue;
      } else if (!ended) {
        if (task.responseFrame > 0 && rival.openFrame > task.responseFrame) continue;
        // Its status may have passed before our command although it is not delivered yet: another connection's ACK is late.
        const late = rival.stream !== task.stream && rival.openFrame < task.openFrame;
        if (late && !force && this.bus.now - task.responseTime <= this.bus.reorderNs) return false;
      }
      tangleCommon(task, rival);
    }
    return true;
  }

  private retire(task: Task): void {
    const { open } = task.lu;
    const at = open.indexOf(task);
    if (at >= 0) open.splice(at, 1);
    if (task.effect !== 'nothing') {
      const { recent } = task.lu;
      if (task.wholeLu) recent.note(task.endFrame, 0, Number.MAX_SAFE_INTEGER);
      for (let i = 0; i < task.blocks.length; i += 2) recent.note(task.endFrame, task.blocks[i], task.blocks[i + 1]);
    }
    for (const rival of task.rivals ?? []) {
      const back = rival.rivals?.indexOf(task) ?? -1;
      if (back >= 0) rival.rivals!.splice(back, 1);
    }
    task.rivals = undefined;
  }

  private emit(task: Task, again: boolean): void {
    const { lu } = task;
    task.emitted = true;
    lu.writes++;
    if (this.bus.sink.change === undefined) {
      task.releaseTo(this.bus.room);
      return;
    }
    if (lu.alias !== undefined) {
      task.releaseTo(this.bus.room);
      this.doubtTask(lu.root, task);
      return;
    }
    if (lu.candidates !== undefined) {
      task.releaseTo(this.bus.room);
      this.bus.notice(`identity ${lu.id}`, `${lu.id}: written, but it is not proved which configured volume it is`);
      for (const candidate of lu.candidates) this.doubtWhole(candidate, 'identity');
      return;
    }
    if (task.blurred) tangleAll(task);
    if (task.wholeLu || beyondBytes(task, lu)) {
      task.releaseTo(this.bus.room);
      // What is held came before: let out later it would seem to settle this.
      this.releaseHeld(lu);
      const doubt = task.effect === 'done' && !again ? 'effect' : task.doubt;
      const at = absolute(this.bus, task.responseTime || this.bus.now);
      this.pushChange(lu, 'wholeLu', doubt, at, false, undefined, task);
      lu.unsynchronised(0, Number.POSITIVE_INFINITY);
      return;
    }
    if (lu.blockSize === 0) {
      if (lu.held.length < HELD_MAX) {
        lu.held.push(task);
        return;
      }
      task.releaseTo(this.bus.room);
      this.doubtWhole(lu, 'block-size');
      return;
    }
    if (task.effect === 'done') this.grown(task, lu);
    if (again) {
      task.effect = 'doubt';
      task.releaseTo(this.bus.room);
    }
    const made = piecesOf(task, lu);
    const fua = task.cdb.fua;
    const lease = made.leased ? task.lease : undefined;
    if (lease === undefined) task.releaseTo(this.bus.room);
    task.lease = undefined;
    if (made.pieces.length > 0) {
      const at = absolute(this.bus, task.responseTime || this.bus.now);
      this.pushChange(lu, made.pieces, made.doubt, at, fua, lease, task);
    }
    // One that is in doubt may have been read back from the cache already.
    if (!(fua && task.effect === 'done') && lu.cache !== false) {
      for (let i = 0; i < task.blocks.length; i += 2) lu.unsynchronised(task.blocks[i], task.blocks[i + 1]);
    }
  }

  /** The blocks of `task` are in doubt at `lu`, which is its LU by another name. */
  private doubtTask(lu: Lu, task: Task): void {
    if (task.wholeLu) {
      this.doubtWhole(lu, 'identity');
      return;
    }
    const ranges = new Extents();
    for (let i = 0; i < task.blocks.length; i += 2) ranges.add(task.blocks[i], task.blocks[i + 1]);
    if (!ranges.isEmpty) this.doubtBlocks(lu, ranges, 'identity');
  }

  /** A write in GOOD beyond the capacity proves that the LU has grown: by how much the next READ CAPACITY will tell. */
  private grown(task: Task, lu: Lu): void {
    const { cdb } = task;
    const known = lu.blocks || lu.grownTo;
    if (known === 0 || cdb.operation.effect !== 'data' || task.edtl < cdb.blocks * lu.blockSize) return;
    const end = cdb.lbn + cdb.blocks;
    // Nothing lies where no number of bytes can address it, whatever the status says.
    if (end <= known || end > Number.MAX_SAFE_INTEGER / lu.blockSize) return;
    this.bus.notice(`grown ${lu.id}`, `${lu.id}: written beyond its capacity of ${known} blocks: it has grown`);
    lu.blocks = 0;
    lu.grownTo = end;
    this.bus.sink.facts?.({ lu: lu.id, blockSize: lu.blockSize, blocks: end, designators: lu.designators });
  }

  private releaseHeld(lu: Lu): void {
    for (const task of lu.held) task.releaseTo(this.bus.room);
    lu.held = [];
  }

  private pushChange(
    lu: Lu,
    pieces: readonly Piece[] | 'wholeLu',
    doubt: Doubt | undefined,
    at: bigint,
    fua: boolean,
    lease: Change['lease'],
    task?: Task,
  ): void {
    const { sink } = this.bus;
    if (sink.change === undefined) return;
    const change: Change = { seq: ++this.bus.seq, at, lu: lu.id, pieces, fua };
    if (doubt !== undefined) change.doubt = doubt;
    if (lease !== undefined) change.lease = lease;
    if (task !== undefined) {
      change.host = task.host;
      change.operation = task.cdb.operation.name;
    }
    if (!lu.configured && lu.alias === undefined) remember(lu, pieces);
    // A medium with two configured names: what happens under one is read back under the other.
    const twins = lu.twins ?? [];
    const ranges = twins.length > 0 && pieces !== 'wholeLu' ? blocksOf(lu, pieces) : undefined;
    sink.change(change);
    for (const twin of twins) this.pushTwin(twin, ranges);
  }

  private pushTwin(twin: Lu, ranges: Extents | undefined): void {
    const at = absolute(this.bus, this.bus.now);
    for (const task of twin.open) {
      if (ranges === undefined) tangleAll(task);
      else ranges.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => tangleWithin(task, s, e));
    }
    let pieces: Piece[] | 'wholeLu' = 'wholeLu';
    if (ranges !== undefined && twin.blockSize > 0) {
      const own: Piece[] = [];
      ranges.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) =>
        own.push({ offset: s * twin.blockSize, length: (e - s) * twin.blockSize, payload: 'lbnOnly' }),
      );
      pieces = own;
    }
    this.releaseHeld(twin);
    const change: Change = { seq: ++this.bus.seq, at, lu: twin.id, pieces, fua: false, doubt: 'identity' };
    this.bus.sink.change?.(change);
  }
}
