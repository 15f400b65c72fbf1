import { Fault } from '../base/fault.ts';
import type { AssembledEntry } from './assembler.ts';

/**
 * What a store that takes more than one entry at a time is given at once: enough that many share a write, and little enough
 * that most of it is still in the processor's cache when it is written (measured: four times as much costs a tenth more there).
 */
const FLIGHT_BYTES: number = 1024 * 1024;
const FLIGHT_ENTRIES = 128;

interface Flight {
  readonly entry: AssembledEntry;
  end: 'open' | 'done' | Fault;
}

/** Entries that a store was given and has not, or not all, answered for; oldest first. */
export class Flights {
  readonly #flights: Flight[] = [];
  readonly #pipelined: boolean;
  #bytes = 0;
  #open = 0;

  constructor(pipelined: boolean) {
    this.#pipelined = pipelined;
  }

  get isEmpty(): boolean {
    return this.#flights.length === 0;
  }

  /** Whether the store may be given one more. */
  get hasRoom(): boolean {
    if (this.#flights.length === 0) return true;
    // Behind one that failed none can be appended.
    if (!this.#pipelined || this.#open < this.#flights.length) return false;
    return this.#flights.length < FLIGHT_ENTRIES && this.#bytes < FLIGHT_BYTES;
  }

  add(entry: AssembledEntry): void {
    this.#flights.push({ entry, end: 'open' });
    this.#bytes += entry.cost;
    this.#open++;
  }

  /** The store's answer for one; unknown ones are left alone. */
  answer(number: number, end: 'done' | Fault): void {
    const flight = this.#flights.find(({ entry }) => entry.number === number);
    if (flight?.end !== 'open') return;
    flight.end = end;
    this.#open--;
  }

  /** The next of those that were appended, in their order. */
  landed(): AssembledEntry | undefined {
    if (this.#flights[0]?.end !== 'done') return undefined;
    const [{ entry }] = this.#flights.splice(0, 1);
    this.#bytes -= entry.cost;
    return entry;
  }

  /** Why none of those that are left was appended, once all are answered for; the oldest one's reason is everyone's. */
  failure(): Fault | undefined {
    const end = this.#flights[0]?.end;
    return this.#open === 0 && end instanceof Fault ? end : undefined;
  }

  /** All that are left, to be given to the store once more. */
  again(): AssembledEntry[] {
    for (const flight of this.#flights) flight.end = 'open';
    this.#open = this.#flights.length;
    return this.#flights.map(({ entry }) => entry);
  }
}
