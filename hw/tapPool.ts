import type { TapLevel } from './tap.ts';

/**
 * The memory between the capturing thread and the consumer, in slots of equal size, and what its scarcity means for what
 * is still captured. Counts the slots that the consumer has; beyond them each interface fills one.
 *
 * `full` until a quarter of the slots is left, then `headers` until three quarters are back; `dropping` from the first
 * frame without a place until half of them are back. The kernel's own buffer filling up also makes it `headers`.
 */
export class SlotPool {
  level: TapLevel = 'full';
  readonly slotBytes: number;
  readonly capacity: number;
  readonly #idle: ArrayBuffer[] = [];
  #sent = 0;
  /** Until when the kernel's buffer counts as filling up, in milliseconds. */
  #pressedUntil = 0;

  constructor(slotBytes: number, capacity: number) {
    this.slotBytes = slotBytes;
    this.capacity = capacity;
  }

  /** Slots that the consumer has. */
  get sent(): number {
    return this.#sent;
  }

  /** A slot to be filled; undefined when the consumer has them all. */
  take(): ArrayBuffer | undefined {
    if (this.#sent < this.capacity) return this.#idle.pop() ?? new ArrayBuffer(this.slotBytes);
    this.level = 'dropping';
    return undefined;
  }

  /** A slot that was taken goes to the consumer. */
  send(): void {
    this.#sent++;
  }

  /** The consumer gives one back. */
  give(buffer: ArrayBuffer): void {
    this.#sent--;
    this.#idle.push(buffer);
  }

  /** The kernel's buffer is filling up: cut frames for a second from now. */
  press(now: number): void {
    this.#pressedUntil = now + 1000;
  }

  /** Puts the level right; `now` in milliseconds. */
  judge(now: number): void {
    const free = this.capacity - this.#sent;
    if (this.level === 'dropping' && free * 2 >= this.capacity) this.level = 'headers';
    const pressed = now < this.#pressedUntil;
    if (this.level === 'full' && (pressed || free * 4 <= this.capacity)) this.level = 'headers';
    else if (this.level === 'headers' && !pressed && free * 4 >= this.capacity * 3) this.level = 'full';
  }
}
