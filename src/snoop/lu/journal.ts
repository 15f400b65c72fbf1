import type { Change, Doubt, Piece } from '../../base/change.ts';
import { Extents } from '../../base/extents.ts';
import { absolute, type Bus } from '../bus.ts';
import { piecesOf } from '../effects.ts';
import type { Task } from '../task.ts';
import type { Lu } from './lu.ts';

/** Ended tasks kept until the block size is known; more put the LU in doubt whole. */
const HELD_MAX = 4096;

/**
 * Turns ended write-natured tasks into changes, in an order that the medium must have had: two writes that were in
 * flight together on the same blocks become LBN-only there, because wire order is not medium order (requirement B2).
 */
export class Journal {
  private readonly bus: Bus;
  /** LUs with ended tasks that wait for another connection's status to arrive. */
  private readonly patient = new Set<Lu>();

  constructor(bus: Bus) {
    this.bus = bus;
  }

  /** A command that may change the medium was sent. */
  enter(task: Task): void {
    task.lu.open.push(task);
  }

  /** Its extents are known: pairs [first, end) of blocks. */
  know(task: Task, blocks: number[]): void {
    task.blocks = blocks;
    task.blocksKnown = true;
    for (const rival of task.lu.open) {
      if (rival === task || !common(task, rival)) continue;
      task.rivals ??= [];
      rival.rivals ??= [];
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
    this.settle(task.lu);
  }

  /** The LU as a whole is in doubt: whatever is in flight there can no longer be told apart. */
  doubtWhole(lu: Lu, doubt: Doubt): void {
    for (const task of lu.open) tangleAll(task);
    this.pushChange(lu, 'wholeLu', doubt, absolute(this.bus, this.bus.now), false, undefined);
  }

  /** Blocks [start, end) of `lu` changed in a way that is not in the data (EXTENDED COPY, a lost cache). */
  doubtBlocks(lu: Lu, ranges: Extents, doubt: Doubt): void {
    if (lu.blockSize === 0) {
      if (!ranges.isEmpty) this.doubtWhole(lu, doubt);
      return;
    }
    const pieces: Piece[] = [];
    ranges.forEachIn(0, Number.MAX_SAFE_INTEGER, (s, e) => {
      const end = lu.blocks > 0 ? Math.min(e, lu.blocks) : e;
      if (s < end) pieces.push({ offset: s * lu.blockSize, length: (end - s) * lu.blockSize, payload: 'lbnOnly' });
      for (const task of lu.open) {
        for (let i = 0; i < task.blocks.length; i += 2)
          tangle(task, Math.max(s, task.blocks[i]), Math.min(e, task.blocks[i + 1]));
        if (task.wholeLu) tangleAll(task);
      }
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
  }

  /** The source has ended: nothing is waited for any more. */
  finish(): void {
    for (const lu of this.bus.directory.all()) {
      this.settle(lu, true);
      if (lu.held.length > 0) {
        for (const task of lu.held) task.releaseTo(this.bus.room);
        lu.held = [];
        this.pushChange(lu, 'wholeLu', 'block-size', absolute(this.bus, this.bus.now), false, undefined);
      }
    }
  }

  private settle(lu: Lu, force = false): void {
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
    const at = task.lu.open.indexOf(task);
    if (at >= 0) task.lu.open.splice(at, 1);
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
    if (lu.candidates !== undefined) {
      task.releaseTo(this.bus.room);
      this.bus.notice(`identity ${lu.id}`, `${lu.id}: written, but it is not proved which configured volume it is`);
      for (const candidate of lu.candidates) this.doubtWhole(candidate, 'identity');
      return;
    }
    if (task.wholeLu) {
      task.releaseTo(this.bus.room);
      const doubt = task.effect === 'done' && !again ? 'effect' : task.doubt;
      this.pushChange(lu, 'wholeLu', doubt, absolute(this.bus, task.responseTime || this.bus.now), false, undefined);
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
      this.pushChange(lu, made.pieces, made.doubt, absolute(this.bus, task.responseTime || this.bus.now), fua, lease);
    }
    if (task.effect === 'done' && !fua && lu.cache !== false) {
      for (let i = 0; i < task.blocks.length; i += 2) lu.unsynchronised(task.blocks[i], task.blocks[i + 1]);
    }
  }

  private pushChange(
    lu: Lu,
    pieces: readonly Piece[] | 'wholeLu',
    doubt: Doubt | undefined,
    at: bigint,
    fua: boolean,
    lease: Change['lease'],
  ): void {
    const { sink } = this.bus;
    if (sink.change === undefined) return;
    const change: Change = { seq: ++this.bus.seq, at, lu: lu.id, pieces, fua };
    if (doubt !== undefined) change.doubt = doubt;
    if (lease !== undefined) change.lease = lease;
    sink.change(change);
  }
}

function common(a: Task, b: Task): boolean {
  if (!a.blocksKnown || !b.blocksKnown) return false;
  if (a.wholeLu || b.wholeLu) return true;
  for (let i = 0; i < a.blocks.length; i += 2) {
    for (let k = 0; k < b.blocks.length; k += 2) {
      if (a.blocks[i] < b.blocks[k + 1] && b.blocks[k] < a.blocks[i + 1]) return true;
    }
  }
  return false;
}

function tangleCommon(a: Task, b: Task): void {
  if (b.wholeLu) tangleAll(a);
  if (a.wholeLu) tangleAll(b);
  for (let i = 0; i < a.blocks.length; i += 2) {
    for (let k = 0; k < b.blocks.length; k += 2) {
      const s = Math.max(a.blocks[i], b.blocks[k]);
      const e = Math.min(a.blocks[i + 1], b.blocks[k + 1]);
      tangle(a, s, e);
      tangle(b, s, e);
    }
  }
}

function tangleAll(task: Task): void {
  for (let i = 0; i < task.blocks.length; i += 2) tangle(task, task.blocks[i], task.blocks[i + 1]);
}

function tangle(task: Task, start: number, end: number): void {
  if (start >= end) return;
  task.tangled ??= new Extents();
  task.tangled.add(start, end);
}
