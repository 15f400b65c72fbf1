/**
 * Keeps the event loop from falling asleep right after bytes came: it is kept turning until nothing has come for `us`
 * microseconds. The next PDU mostly follows within that time, and a processor that sleeps takes longer to wake up than the
 * wait itself takes (measured on a virtual machine: with one write of 4 KiB at a time, a half more operations a second).
 *
 * It costs at most that much processor time for each arrival, and nothing while nothing comes. Where other programs keep all
 * processors busy it gains nothing, and loses some of the scheduler's favour.
 */
export class TeeAwake {
  #ms: number;
  #until = 0;
  #turning = false;

  /** 0: it never keeps anything awake. */
  constructor(us: number) {
    this.#ms = us / 1000;
  }

  /** Bytes have come. */
  arrived(): void {
    if (this.#ms === 0) return;
    this.#until = performance.now() + this.#ms;
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(this.#turn);
  }

  /** From now on the loop sleeps when it likes. */
  stop(): void {
    this.#ms = 0;
    this.#until = 0;
  }

  /** A loop that has this to do looks for what came, and does not wait for it. */
  readonly #turn = (): void => {
    if (performance.now() < this.#until) setImmediate(this.#turn);
    else this.#turning = false;
  };
}
