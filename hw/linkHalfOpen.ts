import { isIP, type Socket } from 'node:net';

/** Connections whose other side has not proved itself. */
export const HALF_OPEN_MAX = 128;
export const HALF_OPEN_OF_ONE_MAX = 32;

interface Waiting {
  wire: Socket;
  /** Whose it is, for who has how many. */
  whose: string;
}

/**
 * Connections that have not proved themselves hold something only among themselves: where there are too many, the oldest of
 * whoever has the most is ended, so that a unit that needs some round trips gets them, whoever else knocks.
 */
export class LinkHalfOpen {
  /** Oldest first. */
  readonly #waiting = new Map<Socket, Waiting>();
  readonly #counts = new Map<string, number>();
  readonly #ended: (wire: Socket) => void;

  /** `ended` is told of each one before it is ended. */
  constructor(ended: (wire: Socket) => void) {
    this.#ended = ended;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(wire: Socket): void {
    const whose = whoseAddress(wire.remoteAddress ?? '');
    this.#waiting.set(wire, { wire, whose });
    const count = (this.#counts.get(whose) ?? 0) + 1;
    this.#counts.set(whose, count);
    wire.once('close', () => this.remove(wire));
    if (count > HALF_OPEN_OF_ONE_MAX) this.#end(whose);
    else if (this.#waiting.size > HALF_OPEN_MAX) this.#end(this.#greediest());
  }

  /** It has proved itself, or is over. */
  remove(wire: Socket): void {
    const waiting = this.#waiting.get(wire);
    if (!waiting) return;
    this.#waiting.delete(wire);
    const left = (this.#counts.get(waiting.whose) ?? 1) - 1;
    if (left > 0) this.#counts.set(waiting.whose, left);
    else this.#counts.delete(waiting.whose);
  }

  #end(whose: string): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.whose !== whose) continue;
      this.remove(waiting.wire);
      this.#ended(waiting.wire);
      waiting.wire.destroy();
      return;
    }
  }

  #greediest(): string {
    let most = 0;
    let found = '';
    for (const [whose, count] of this.#counts) {
      if (count <= most) continue;
      most = count;
      found = whose;
    }
    return found;
  }
}

/** One machine has one address of IPv4 as a rule, and a network of 2^64 of IPv6. */
export function whoseAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [before, behind] = address.split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = behind === undefined || behind === '' ? [] : behind.split(':');
  const zeros = behind === undefined ? [] : new Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}
