/** Somebody who waits until a moment of the bus has been pushed: -1 until a heartbeat tells the moment. */
interface Waiting {
  at: number;
  answered: boolean;
  done: (caughtUp: boolean) => void;
}

/**
 * Who waits until all that the bus did before has been pushed. The answer to a PING came after all of it was taken, and the
 * heartbeat behind that answer tells a moment that is later still: once the lines are known up to there, it has come.
 */
export class ProbeMoments {
  private waiting: Waiting[] = [];

  /** Resolves true once the moment was reached; false when it was given up, or after `waitMs`. `ping` sends a PING. */
  async wait(ping: (answered: () => void) => void, waitMs: number): Promise<boolean> {
    const mine: Waiting = { at: -1, answered: false, done: () => {} };
    const caughtUp = new Promise<boolean>((resolve) => {
      mine.done = resolve;
    });
    this.waiting.push(mine);
    // A later PING takes the place of one that is under way: its answer is one for all who wait.
    ping(() => {
      for (const one of this.waiting) one.answered = true;
    });
    const late = setTimeout(() => mine.done(false), waitMs);
    try {
      return await caughtUp;
    } finally {
      clearTimeout(late);
      this.waiting = this.waiting.filter((one) => one !== mine);
    }
  }

  /** A heartbeat told moment `at`; the lines are known up to `knownTo`. Nanoseconds. */
  beat(at: number, knownTo: number): void {
    for (const one of this.waiting) {
      if (one.at >= 0 && knownTo >= one.at) one.done(true);
      else if (one.answered && one.at < 0) one.at = at;
    }
  }

  giveUp(): void {
    for (const { done } of this.waiting) done(false);
  }
}
