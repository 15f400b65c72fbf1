/** A peer that is well says something at least every two seconds. */
const SILENT_NS = 3.5e9;
/** A process that was busy with other things itself has not listened: more than this between two looks is not the peer's silence. */
const STEP_NS = 1e9;

/** Notices that a peer has fallen silent, long before its connection is given up. */
export class Silence {
  #quietNs = 0;
  #at: number;

  constructor(now: number) {
    this.#at = now;
  }

  heard(now: number): void {
    this.#quietNs = 0;
    this.#at = now;
  }

  /** To be asked at least every second: true while nothing has been heard for too long. */
  lasts(now: number): boolean {
    this.#quietNs += Math.min(now - this.#at, STEP_NS);
    this.#at = now;
    return this.#quietNs > SILENT_NS;
  }
}
