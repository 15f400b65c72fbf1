/** Waits in vain that are paid for by what came in time before. */
const CREDIT_MAX = 64;
/** What one wait in vain costs: it pays while two of three end by an arrival. */
const VAIN = 2;
/** So many arrivals sleep before it is tried again, with so much credit. */
const SLEEPS = 256;
const TRIAL = 8;

/**
 * Keeps the event loop from falling asleep right after bytes came: it is kept turning until nothing has come for `us`
 * microseconds. The next PDU mostly follows within that time, and a processor that sleeps takes longer to wake up than the
 * wait itself takes (measured on a virtual machine: with one write of 4 KiB at a time, a half more operations a second).
 *
 * It costs at most that much processor time for each arrival, and nothing while nothing comes. Where it mostly waits in vain
 * (other programs keep the processors busy, or the next PDU takes longer) it lets the loop sleep, and tries again seldom.
 */
export class TeeAwake {
  #ms: number;
  #until = 0;
  #turning = false;
  /** Grows by what came in time, falls faster by what did not; without any the loop sleeps. */
  #credit = CREDIT_MAX;
  #slept = 0;

  /** 0: it never keeps anything awake. */
  constructor(us: number) {
    this.#ms = us / 1000;
  }

  /** Bytes have come. */
  arrived(): void {
    if (this.#ms === 0) return;
    if (this.#turning) {
      if (this.#credit < CREDIT_MAX) this.#credit++;
    } else if (!this.#worthwhile()) return;
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
    if (performance.now() < this.#until) {
      setImmediate(this.#turn);
      return;
    }
    this.#turning = false;
    this.#credit -= VAIN;
  };

  #worthwhile(): boolean {
    if (this.#credit > 0) return true;
    if (++this.#slept < SLEEPS) return false;
    this.#slept = 0;
    this.#credit = TRIAL;
    return true;
  }
}
