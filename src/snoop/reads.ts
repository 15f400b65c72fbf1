import { Extents } from '../base/extents.ts';
import type { ReadWatch } from '../base/reads.ts';
import type { Lu } from './lu/lu.ts';
import type { Task } from './task.ts';

const GOOD = 0;
/** READ(6), (10), (12) and (16): their Data-In is what the blocks hold, and nothing else (SBC-4 sections 5.15 to 5.18). */
const READS = new Set([0x08, 0x28, 0xa8, 0x88]);
/** More runs of what is unsure than that grow together. */
const RUNS_MAX = 1024;

/** What is kept of a read that somebody looks at. */
export interface KeptRead {
  /** Bytes of the LU that lie in the task's `small`. */
  readonly offset: number;
  /** The LU's doubts when the command was sent. */
  readonly doubts: number;
}

/** Keeps the Data-In of reads that somebody wants to look at (requirement D5). */
export class Reads {
  private readonly watch: ReadWatch;

  constructor(watch: ReadWatch) {
    this.watch = watch;
  }

  /** A command was sent that carries nothing out. */
  opened(task: Task): void {
    const { cdb, lu } = task;
    if (!READS.has(cdb.opcode) || !task.reads || task.writes || task.small !== undefined || !isPlain(lu)) return;
    // With protection information its bytes are not those of the blocks alone.
    if (cdb.protect !== 0 || !(cdb.lbn >= 0) || !(cdb.blocks > 0)) return;
    const offset = cdb.lbn * lu.blockSize;
    const length = Math.min(task.edtl, cdb.blocks * lu.blockSize);
    if (length === 0 || offset + length > Number.MAX_SAFE_INTEGER) return;
    const small = this.watch.take(lu.id, offset, length);
    if (small === undefined) return;
    task.small = small;
    task.kept = { offset, doubts: lu.doubts };
  }

  /** A task has ended; `moved`: bytes of Data-In that the target says it sent. */
  ended(task: Task, status: number, moved: number): void {
    const { kept, small, lu } = task;
    if (kept === undefined || small === undefined) return;
    task.kept = undefined;
    task.small = undefined;
    const wanted = task.cdb.blocks * lu.blockSize;
    // Who says that more came than was asked for does not mean blocks.
    const told = status === GOOD && moved > 0 && moved <= wanted;
    if (!told || !isPlain(lu) || lu.doubts !== kept.doubts) {
      this.watch.give(lu.id, small);
      return;
    }
    this.watch.read(lu.id, kept.offset, small, unsureOf(task, kept.offset, small.length, moved));
  }
}

/** It is proved which configured volume it is, nothing else is that medium too, and its blocks have a size. */
function isPlain(lu: Lu): boolean {
  return (
    lu.configured && lu.blockSize > 0 && lu.candidates === undefined && lu.twins === undefined && lu.alias === undefined
  );
}

function unsureOf(task: Task, offset: number, length: number, moved: number): Extents {
  const { lu } = task;
  const { blockSize } = lu;
  const unsure = new Extents(RUNS_MAX);
  task.sealData();
  task.unbelieved(length).forEachIn(0, length, (start, end) => unsure.add(offset + start, offset + end));
  if (moved < length) unsure.add(offset + moved, offset + length);
  const first = Math.floor(offset / blockSize);
  const last = Math.ceil((offset + length) / blockSize);
  // A write that ended while the read went on came before it or behind it; one that ended in the frame before counts, too.
  const since = task.openFrame - 1;
  if (lu.recent.newest <= since) return unsure;
  lu.recent.since(since, (start, end) => {
    const from = Math.max(first, start);
    const to = Math.min(last, end);
    if (from < to) unsure.add(from * blockSize, to * blockSize);
  });
  return unsure;
}
