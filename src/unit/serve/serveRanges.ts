/** A run of bytes that a command reads, writes (shared) or wants for itself (exclusive). */
export interface Claim {
  readonly offset: number;
  readonly end: number;
  readonly exclusive: boolean;
  /** Claims of one owner are never in each other's way. */
  readonly owner: object;
}

interface Waiting {
  readonly claim: Claim;
  readonly grant: () => void;
}

/**
 * Who has which bytes of a logical unit: any number of readers and writers, or one that has them for itself. Who cannot have
 * them now waits its turn: a later claim never overtakes an earlier one that it is in the way of.
 */
export class ServeRanges {
  readonly #held: Claim[] = [];
  readonly #queue: Waiting[] = [];
  #exclusives = 0;

  /** True while nobody has or wants anything for himself: then a reader or writer that is done at once need not claim. */
  get open(): boolean {
    return this.#exclusives === 0;
  }

  /** Undefined when it is had now; else a promise of when. To be given back by `release`. */
  claim(claim: Claim): Promise<void> | undefined {
    if (claim.exclusive) this.#exclusives++;
    if (this.#exclusives === 0 || this.#within(claim) || !this.#blocked(claim, this.#queue.length)) {
      this.#held.push(claim);
      return undefined;
    }
    return new Promise((grant) => this.#queue.push({ claim, grant }));
  }

  /** Gives it back, had or still waited for. */
  release(claim: Claim): void {
    if (claim.exclusive) this.#exclusives--;
    const held = this.#held.indexOf(claim);
    if (held >= 0) {
      this.#held[held] = this.#held[this.#held.length - 1];
      this.#held.pop();
    } else {
      const waits = this.#queue.findIndex((waiting) => waiting.claim === claim);
      if (waits >= 0) this.#queue.splice(waits, 1);
    }
    if (this.#queue.length > 0) this.#grant();
  }

  #grant(): void {
    for (let i = 0; i < this.#queue.length; ) {
      const { claim, grant } = this.#queue[i];
      if (this.#blocked(claim, i)) i++;
      else {
        this.#queue.splice(i, 1);
        this.#held.push(claim);
        grant();
      }
    }
  }

  /** Whether its owner has all of it for himself: nobody who waits comes before that. */
  #within({ offset, end, owner }: Claim): boolean {
    return this.#held.some(
      (other) => other.exclusive && other.owner === owner && other.offset <= offset && end <= other.end,
    );
  }

  /** Whether somebody who has something, or waits before place `before` of the queue, is in its way. */
  #blocked(claim: Claim, before: number): boolean {
    if (this.#held.some((other) => conflict(claim, other))) return true;
    for (let i = 0; i < before; i++) if (conflict(claim, this.#queue[i].claim)) return true;
    return false;
  }
}

function conflict(a: Claim, b: Claim): boolean {
  return (a.exclusive || b.exclusive) && a.owner !== b.owner && a.offset < b.end && b.offset < a.end;
}
