import type { DeviceCommand, DeviceOutcome, DeviceSteps, DeviceTask, Nexus, TaskAttribute } from '../base/device.ts';
import type { Command } from './command.ts';
import { NO_REQUESTS } from './command.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import type { Seat } from './seat.ts';

const GOOD_OUTCOME: DeviceOutcome = Object.freeze({ status: 0 });
const WAIT = Object.freeze({ kind: 'wait' as const });
/** What these write they tell piece by piece. */
const THIRD_PARTY_COPY = 0x83;
const NO_CDB = new Uint8Array(0);

/** One command at a logical unit that is there. */
export class Task implements DeviceTask {
  readonly lu: number;
  readonly unit: LogicalUnit;
  readonly seat: Seat;
  readonly tag: number;
  readonly attribute: TaskAttribute;
  readonly isSpecial: boolean;
  /** Tasks of one device in the order of their arrival. */
  readonly order: number;
  /** What the initiator would send and take at most. */
  readonly dataOut: number;
  readonly dataIn: number;
  takes = 0;
  /** A copy of the CDB for commands that ask for it in their `prepare`. */
  cdb: Uint8Array = NO_CDB;
  /** The blocks that a command is about, checked against the capacity; `toEnd` and its kin have been resolved. */
  lbn = 0;
  blocks = 0;
  fua = false;
  /** Whatever a command's `prepare` wants to tell its `run`. */
  detail = 0;
  command: Command | undefined = undefined;
  failed: DeviceOutcome | undefined = undefined;

  constructor(unit: LogicalUnit, seat: Seat, command: DeviceCommand, order: number) {
    this.lu = unit.key;
    this.unit = unit;
    this.seat = seat;
    this.tag = command.tag;
    this.attribute = command.attribute;
    this.isSpecial = command.attribute === 'ordered' || command.attribute === 'headOfQueue';
    this.order = order;
    this.dataOut = command.dataOut;
    this.dataIn = command.dataIn;
  }

  get nexus(): Nexus {
    return this.seat.nexus;
  }

  run(dataOut: readonly Uint8Array[]): DeviceSteps {
    const { command } = this;
    if (this.failed !== undefined || command === undefined) return answer(this.failed ?? GOOD_OUTCOME);
    return this.seat.special > 0 ? inOrder(this, command, dataOut) : command.run(this, dataOut);
  }

  end(): void {
    if (this.unit.hasTokens) this.touch();
    this.seat.remove(this);
  }

  /** What it writes is not what tokens stand for any more: told before it begins and once it has ended. */
  touch(): void {
    if (this.command?.writes !== true || this.failed !== undefined) return;
    if (this.command.opcode !== THIRD_PARTY_COPY) this.unit.place.tokens.touch(this.unit, this.lbn, this.blocks);
  }

  /** What ends the task where something was thrown in its steps. */
  outcomeOf(error: unknown): DeviceOutcome {
    return this.unit.outcomeOf(error, this.command?.writes === true);
  }

  /** GOOD, with what it would have transferred where the initiator expected something else. */
  done(): DeviceOutcome {
    return this.takes === this.dataOut ? GOOD_OUTCOME : { status: 0, wanted: this.takes };
  }
}

/** An outcome that was known from the start. */
export function* answer(outcome: DeviceOutcome): DeviceSteps {
  yield* NO_REQUESTS;
  return outcome;
}

/** Waits for its turn in the task set; what happened meanwhile may forbid it. */
function* inOrder(task: Task, command: Command, dataOut: readonly Uint8Array[]): DeviceSteps {
  try {
    while (task.seat.holdsBack(task)) yield WAIT;
    task.unit.admit(task.seat, command);
  } catch (error) {
    return task.outcomeOf(error);
  }
  return yield* command.run(task, dataOut);
}
