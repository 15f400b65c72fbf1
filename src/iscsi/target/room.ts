import type { Session } from './session.ts';
import type { Task } from './task.ts';

/**
 * How much data of commands may be under way, of all sessions together and of each: commands beyond it wait in order, before
 * anything is asked of their initiator or of the medium.
 */
export class Room {
  readonly #max: number;
  readonly #sessionMax: number;
  readonly #waiting = new Set<Session>();
  readonly #admit: (task: Task) => void;
  #letting = false;
  held = 0;

  constructor(max: number, sessionMax: number, admit: (task: Task) => void) {
    this.#max = max;
    this.#sessionMax = sessionMax;
    this.#admit = admit;
  }

  /** True where it has room now; else it is told through `admit` later. */
  enter(task: Task): boolean {
    const { session } = task;
    if (session.waiting.length === 0 && this.#fits(task)) {
      this.#take(task);
      return true;
    }
    session.waiting.push(task);
    this.#waiting.add(session);
    return false;
  }

  /** What the task took is free; nothing where it waits no more and had nothing. */
  leave(task: Task): void {
    if (!task.admitted) {
      const { waiting } = task.session;
      const at = waiting.indexOf(task);
      if (at >= 0) waiting.splice(at, 1);
    } else {
      this.held -= task.reserved;
      task.session.held -= task.reserved;
      task.reserved = 0;
      task.admitted = false;
    }
    if (this.#waiting.size > 0) this.#let();
  }

  /** One of each session in turn, as long as anything fits. */
  #let(): void {
    if (this.#letting) return;
    this.#letting = true;
    let any = true;
    while (any) {
      any = false;
      for (const session of this.#waiting) {
        const task = session.waiting[0];
        if (task === undefined) {
          this.#waiting.delete(session);
        } else if (this.#fits(task)) {
          session.waiting.shift();
          this.#take(task);
          this.#admit(task);
          any = true;
        }
      }
    }
    this.#letting = false;
  }

  #take(task: Task): void {
    task.admitted = true;
    task.reserved = this.#size(task);
    this.held += task.reserved;
    task.session.held += task.reserved;
  }

  #fits(task: Task): boolean {
    const bytes = this.#size(task);
    const { held } = task.session;
    // As much again is for those who have nothing under way: nobody waits for others' data that does not come.
    if (held === 0) return this.held === 0 || this.held + bytes <= 2 * this.#max;
    return held + bytes <= this.#sessionMax && this.held + bytes <= this.#max;
  }

  /** An expected length is what an initiator says: nothing takes more than all there is. */
  #size(task: Task): number {
    return Math.min(task.bytes, this.#sessionMax, this.#max);
  }
}
