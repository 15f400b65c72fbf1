import type { Nexus } from '../base/device.ts';
import { CopyResults } from './copyResults.ts';
import type { Task } from './task.ts';
import { TokenResults } from './tokenResults.ts';

/** Unit attention codes that are established here (SAM-6 section 5.14): ASC and ASCQ. */
/** POWER ON, RESET, OR BUS DEVICE RESET: what hosts in use wait for, more than for the exact POWER ON (29h/01h). */
export const POWER_ON = 0x2900;
export const BUS_RESET = 0x2902;
export const DEVICE_RESET = 0x2903;
export const NEXUS_LOSS = 0x2907;
export const MEDIUM_CHANGED = 0x2800;
export const MODE_PARAMETERS_CHANGED = 0x2a01;
export const RESERVATIONS_PREEMPTED = 0x2a03;
export const RESERVATIONS_RELEASED = 0x2a04;
export const REGISTRATIONS_PREEMPTED = 0x2a05;
export const CAPACITY_CHANGED = 0x2a09;
export const COMMANDS_CLEARED = 0x2f00;
export const LUNS_CHANGED = 0x3f0e;

/**
 * One I_T nexus at one logical unit: its own task set (TST 001b, SPC-5 section 7.5.8), so that no host waits for another's
 * ordered commands, and the unit attentions it has not been told.
 */
export class Seat {
  readonly nexus: Nexus;
  readonly tasks: Set<Task> = new Set();
  readonly copies: CopyResults = new CopyResults();
  readonly tokens: TokenResults = new TokenResults();
  /** Tasks that others wait for: ordered ones and those at the head of the queue. */
  special = 0;
  /** PREVENT ALLOW MEDIUM REMOVAL. */
  prevents = false;
  #attentions: number[] = [];

  constructor(nexus: Nexus) {
    this.nexus = nexus;
  }

  get isGreeted(): boolean {
    return this.#attentions.length === 0;
  }

  /** Establishes a unit attention; a reset takes the place of what it makes meaningless (SAM-6 section 5.14.3). */
  attend(code: number): void {
    if (code >> 8 === 0x29) this.#attentions = this.#attentions.filter((other) => other === LUNS_CHANGED);
    if (this.#attentions.includes(code)) return;
    if (code >> 8 === 0x29) this.#attentions.unshift(code);
    else this.#attentions.push(code);
  }

  /** The unit attention to report now, which clears it. */
  takeAttention(): number | undefined {
    return this.#attentions.shift();
  }

  /** It was told in another way, as the changed LUNs are by REPORT LUNS. */
  dismiss(code: number): void {
    this.#attentions = this.#attentions.filter((other) => other !== code);
  }

  add(task: Task): void {
    this.tasks.add(task);
    if (task.isSpecial) this.special += 1;
  }

  remove(task: Task): void {
    if (this.tasks.delete(task) && task.isSpecial) this.special -= 1;
  }

  /** Whether a task has to wait for others of its set (SAM-6 section 8.6). */
  holdsBack(task: Task): boolean {
    if (task.attribute === 'headOfQueue') return false;
    for (const other of this.tasks) {
      if (other === task) continue;
      if (other.attribute === 'headOfQueue') return true;
      const isOlder = other.order < task.order;
      if (isOlder && (task.attribute === 'ordered' || other.attribute === 'ordered')) return true;
    }
    return false;
  }
}
