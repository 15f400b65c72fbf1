import {
  putRead,
  putSynchronizeCache,
  putUnmap,
  putWrite,
  putWriteSame10,
  putWriteSame16,
  unmapList,
} from '../../../parsers/scsi/build.ts';
import { Fault } from '../../base/fault.ts';
import type { Command } from '../../iscsi/initiator/command.ts';
import type { LuAbilities } from '../../iscsi/lu/facts.ts';
import { advance, fillOf, type Repeat, type Run, type WritePlan } from '../../iscsi/lu/plan.ts';
import type { CommandFault } from '../../iscsi/lu/verdict.ts';
import type { Job } from './luLink.ts';

/** What was learned by trying: a form of a command that the target refused is not tried again. */
export interface LuHabits {
  writeSame: 'sixteen' | 'ten' | 'none';
  synchronize: 'sixteen' | 'ten' | 'none';
  unmap: boolean;
}

type Done = (fault: Fault | undefined) => void;

/** WRITE SAME(10) counts and addresses no further. */
const SAME_10_BLOCKS = 0xffff;
const SAME_10_LBN = 0x100000000;

/** Fills `into`, whole blocks, from byte `offset` on. With `stop` the buffer is the caller's again at once. */
export class ReadJob implements Job {
  readonly #name: string;
  readonly #abilities: LuAbilities;
  readonly #into: Uint8Array;
  readonly #done: Done;
  readonly #landing: Map<Command, Uint8Array> | undefined;
  #offset: number;
  #taken = 0;
  #stopped = false;

  constructor(name: string, abilities: LuAbilities, offset: number, into: Uint8Array, stoppable: boolean, done: Done) {
    this.#name = name;
    this.#abilities = abilities;
    this.#offset = offset;
    this.#into = into;
    this.#done = done;
    this.#landing = stoppable ? new Map() : undefined;
  }

  stop(): void {
    this.#stopped = true;
    // A command may be another job's by now; then its buffer is another one as well.
    for (const [command, into] of this.#landing ?? []) if (command.into === into) command.into = undefined;
  }

  fill(command: Command): boolean {
    const left = this.#into.length - this.#taken;
    if (left === 0 || this.#stopped) return false;
    const { blockSize, transferMax } = this.#abilities;
    const bytes = Math.min(left, transferMax);
    putRead(command.cdb, this.#offset / blockSize, bytes / blockSize);
    command.into = bytes === this.#into.length ? this.#into : this.#into.subarray(this.#taken, this.#taken + bytes);
    command.inBytes = bytes;
    this.#landing?.set(command, command.into);
    this.#taken += bytes;
    this.#offset += bytes;
    return true;
  }

  landed({ received, inBytes }: Command): Fault | undefined {
    if (received === inBytes) return undefined;
    return new Fault('peer', `${this.#name} gave ${received} bytes where ${inBytes} were to be read`);
  }

  refused(): boolean {
    return false;
  }

  ended(fault: Fault | undefined): void {
    this.#done(fault);
  }
}

export interface WriteJobOptions {
  name: string;
  abilities: LuAbilities;
  habits: LuHabits;
  /** Its runs and repeats are used up. */
  plan: WritePlan;
  fua: boolean;
  /** Repeated zeros may be unmapped. */
  unmap: boolean;
  signal: AbortSignal | undefined;
  done: Done;
}

/** Writes runs of bytes and repeated blocks; edits are not its business. */
export class WriteJob implements Job {
  readonly #options: WriteJobOptions;
  readonly #sames = new Map<Command, Repeat>();
  #stopped = false;
  #run = 0;
  /** A command without a FUA bit was used. */
  usedSame = false;

  constructor(options: WriteJobOptions) {
    this.#options = options;
  }

  fill(command: Command): boolean {
    const { plan, signal } = this.#options;
    const { runs, repeats } = plan;
    const run = runs[this.#run];
    if (run === undefined && repeats.length === 0) return false;
    if (signal?.aborted) {
      this.#stopped = true;
      return false;
    }
    if (run !== undefined) {
      this.#bytes(command, run);
      if (run.length === 0) this.#run++;
      return true;
    }
    const repeat = repeats[repeats.length - 1];
    this.#repeat(command, repeat);
    if (repeat.length === 0) repeats.pop();
    return true;
  }

  landed(command: Command): Fault | undefined {
    this.#sames.delete(command);
    const { sent, outBytes, underflow } = command;
    if (sent === outBytes && underflow === 0) return undefined;
    const took = Math.min(sent, outBytes - underflow);
    return new Fault('peer', `${this.#options.name} says GOOD and took ${took} of ${outBytes} bytes`);
  }

  refused(command: Command, fault: CommandFault): boolean {
    const repeat = this.#sames.get(command);
    this.#sames.delete(command);
    if (!repeat || !fault.unsupported) return false;
    const { habits, abilities, plan } = this.#options;
    if (abilities.sameUnmaps && this.#options.unmap) abilities.sameUnmaps = false;
    else if (command.cdb[0] === 0x93 && habits.writeSame === 'sixteen') habits.writeSame = 'ten';
    else if (command.cdb[0] === 0x41) habits.writeSame = 'none';
    plan.repeats.push(repeat);
    return true;
  }

  ended(fault: Fault | undefined): void {
    const stopped = this.#stopped ? new Fault('local', `${this.#options.name}: stopped before it was done`) : undefined;
    this.#options.done(fault ?? stopped);
  }

  #bytes(command: Command, run: Run): void {
    const { abilities, fua } = this.#options;
    const { blockSize, transferMax } = abilities;
    const bytes = Math.min(run.length, transferMax);
    putWrite(command.cdb, run.offset / blockSize, bytes / blockSize, fua && abilities.fua);
    command.parts = run.parts;
    command.part = run.part;
    command.skip = run.skip;
    command.outBytes = bytes;
    if (bytes < run.length) advance(run, bytes);
    else run.length = 0;
  }

  #repeat(command: Command, repeat: Repeat): void {
    const { abilities, habits, fua } = this.#options;
    const { blockSize, transferMax } = abilities;
    const lbn = repeat.offset / blockSize;
    const ten = habits.writeSame === 'ten';
    if (repeat.block === undefined || habits.writeSame === 'none' || (ten && lbn + SAME_10_BLOCKS > SAME_10_LBN)) {
      const bytes = Math.min(repeat.length, transferMax);
      putWrite(command.cdb, lbn, bytes / blockSize, fua && abilities.fua);
      command.parts = fillOf(repeat.pattern, repeat.skip, bytes);
      command.outBytes = bytes;
      moveOn(repeat, bytes);
      return;
    }
    const bytes = Math.min(repeat.length, ten ? SAME_10_BLOCKS * blockSize : repeat.length, abilities.sameMax);
    const unmap = this.#options.unmap && abilities.sameUnmaps;
    if (ten) putWriteSame10(command.cdb, lbn, bytes / blockSize, unmap);
    else putWriteSame16(command.cdb, lbn, bytes / blockSize, unmap);
    command.parts = [repeat.block];
    command.outBytes = blockSize;
    this.#sames.set(command, { ...repeat, length: bytes });
    this.usedSame = true;
    moveOn(repeat, bytes);
  }
}

function moveOn(repeat: Repeat, bytes: number): void {
  repeat.offset += bytes;
  repeat.length -= bytes;
  repeat.skip = (repeat.skip + bytes) % repeat.pattern.length;
}

/** Unmaps whole granules; `refused` ones are told as a failure. */
export class UnmapJob implements Job {
  readonly #abilities: LuAbilities;
  readonly #done: Done;
  #offset: number;
  #length: number;

  constructor(abilities: LuAbilities, offset: number, length: number, done: Done) {
    this.#abilities = abilities;
    this.#offset = offset;
    this.#length = length;
    this.#done = done;
  }

  fill(command: Command): boolean {
    if (this.#length === 0) return false;
    const { blockSize, unmapMax, unmapGranule } = this.#abilities;
    const most = Math.min(unmapMax, 0x7fffffff * blockSize);
    const bytes = Math.min(this.#length, Math.max(unmapGranule, most - (most % unmapGranule)));
    const list = unmapList(this.#offset / blockSize, bytes / blockSize);
    putUnmap(command.cdb, list.length);
    command.parts = [list];
    command.outBytes = list.length;
    this.#offset += bytes;
    this.#length -= bytes;
    return true;
  }

  landed(): Fault | undefined {
    return undefined;
  }

  refused(): boolean {
    return false;
  }

  ended(fault: Fault | undefined): void {
    this.#done(fault);
  }
}

/**
 * SYNCHRONIZE CACHE of the whole LU, in the form that the target knows. One that knows neither has no volatile cache that it
 * could be told of, unless it says so itself (WCE).
 */
export class SynchronizeJob implements Job {
  readonly #habits: LuHabits;
  readonly #mayLack: boolean;
  readonly #done: Done;
  #wanted = true;

  constructor(habits: LuHabits, mayLack: boolean, done: Done) {
    this.#habits = habits;
    this.#mayLack = mayLack;
    this.#done = done;
  }

  fill(command: Command): boolean {
    if (!this.#wanted || this.#habits.synchronize === 'none') return false;
    this.#wanted = false;
    putSynchronizeCache(command.cdb, this.#habits.synchronize === 'sixteen');
    return true;
  }

  landed(): Fault | undefined {
    return undefined;
  }

  refused(command: Command, fault: CommandFault): boolean {
    if (!fault.unsupported) return false;
    const long = command.cdb[0] === 0x91;
    if (!long && !this.#mayLack) return false;
    this.#habits.synchronize = long ? 'ten' : 'none';
    this.#wanted = true;
    return true;
  }

  ended(fault: Fault | undefined): void {
    this.#done(fault);
  }
}
