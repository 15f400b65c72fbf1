import type { Fault } from '../base/fault.ts';

/** Whether a mirror can be written: how long it is, how long it should be, and what it has stopped for. */
export class Health {
  #size: number;
  #capacity = 0;
  #fault: Fault | undefined;
  #paused = false;

  constructor(size: number, fault?: Fault) {
    this.#size = size;
    this.#fault = fault;
  }

  /** Bytes the mirror's medium holds. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of the volume, 0 while unknown. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Why it is broken or paused: nothing is written meanwhile. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** True when it goes on by itself once it is long enough. */
  get paused(): boolean {
    return this.#paused;
  }

  needs(capacity: number): void {
    this.#capacity = capacity;
    this.#resume();
  }

  resize(bytes: number): void {
    this.#size = bytes;
    this.#resume();
  }

  /** True when it was well before. */
  pause(fault: Fault): boolean {
    if (this.#fault) return false;
    this.#fault = fault;
    this.#paused = true;
    return true;
  }

  /** The medium answers again. */
  mend(bytes: number): void {
    this.#size = bytes;
    if (this.#paused) this.#resume();
    else this.#fault = undefined;
  }

  /** Until it is mended. True when it was not broken before. */
  break(fault: Fault): boolean {
    if (this.#fault && !this.#paused) return false;
    this.#fault = fault;
    this.#paused = false;
    return true;
  }

  #resume(): void {
    if (!this.#paused || this.#size < this.#capacity) return;
    this.#paused = false;
    this.#fault = undefined;
  }
}
