import type { TapLevel } from './tap.ts';

/**
 * The memory between the capturing thread and the consumer, in slots of equal size, and what its scarcity means for what
 * is still captured. Counts the slots that the consumer has; beyond them each interface fills one.
 *
 * A consumer who is behind is waited for while the kernel has room (see `Capture`). Once the kernel's buffer fills up the
 * level is `headers`, for a second at least and until three quarters of the slots are back; `dropping` from the first frame
 * without a place until half of them are back.
 */
export class SlotPool {
  level: TapLevel = 'full';
  readonly slotBytes: number;
  readonly capacity: number;
  readonly #reserve: number;
  readonly #idle: ArrayBuffer[] = [];
  #sent = 0;
  /** Until when the kernel's buffer counts as filling up, in milliseconds. */
  #pressedUntil = 0;

  /** `reserve` slots are not to be used before the kernel's buffer fills up. */
  constructor(slotBytes: number, capacity: number, reserve: number) {
    this.slotBytes = slotBytes;
    this.capacity = capacity;
    this.#reserve = reserve;
  }

  /** Whether there is a slot beyond the reserve. */
  get plenty(): boolean {
    return this.capacity - this.#sent > this.#reserve;
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
    if (this.level === 'full' && pressed) this.level = 'headers';
    else if (this.level === 'headers' && !pressed && free * 4 >= this.capacity * 3) this.level = 'full';
  }
}
