/** Nothing was sent for so long: a sign of life is due. */
const QUIET_NS = 1.5e9;
/** Nothing was heard for so long: the connection is dead, whatever the system believes. */
const DEAD_NS = 20e9;

/** Signs of life on one connection; both sides give them, so that one that is busy sending long data is heard all the same. */
export class Pulse {
  #heard: number;
  #sent: number;

  constructor(now: number) {
    this.#heard = now;
    this.#sent = now;
  }

  /** Bytes came, or cannot come as nobody reads. */
  heard(now: number): void {
    this.#heard = now;
  }

  sent(now: number): void {
    this.#sent = now;
  }

  beat(now: number): 'ping' | 'dead' | undefined {
    if (now - this.#heard > DEAD_NS) return 'dead';
    return now - this.#sent > QUIET_NS ? 'ping' : undefined;
  }
}
