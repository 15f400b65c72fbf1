import type { Piece } from '../base/change.ts';
import { Extents } from '../base/extents.ts';
import { Fault } from '../base/fault.ts';
import { isOr } from '../base/payload.ts';
import { Flight, type Held } from './flight.ts';
import type { MirrorRequest } from './requests.ts';

/** What one mirror has asked for and what is still under way. Two requests never touch the same bytes. */
export class Traffic {
  #requests: MirrorRequest[] = [];
  readonly #flights = new Map<number, Flight>();
  /** Bytes under way, of writes and copies. */
  readonly #busy = new Extents();
  #lastId = 0;
  #writes = 0;
  #copies = 0;
  #holds = 0;

  get writes(): number {
    return this.#writes;
  }

  get copies(): number {
    return this.#copies;
  }

  /** Flushes and growths under way: nothing else starts until they end. */
  get held(): boolean {
    return this.#holds > 0;
  }

  get isEmpty(): boolean {
    return this.#flights.size === 0;
  }

  /** What was asked for since the last call. */
  take(): readonly MirrorRequest[] {
    const requests = this.#requests;
    if (requests.length > 0) this.#requests = [];
    return requests;
  }

  notice(text: string): void {
    this.#requests.push({ kind: 'notice', text });
  }

  touches(start: number, end: number): boolean {
    return this.#busy.intersects(start, end);
  }

  /** A request to be put together; it counts as under way from here on. */
  open(kind: Flight['kind']): Flight {
    const flight = new Flight(++this.#lastId, kind);
    this.#flights.set(flight.id, flight);
    this.#count(kind, 1);
    return flight;
  }

  put(flight: Flight, piece: Piece, fua: boolean, held: Held | undefined): void {
    flight.add(piece, held);
    flight.fua ||= fua;
    this.#busy.add(piece.offset, piece.offset + piece.length);
  }

  send(flight: Flight): void {
    flight.seal();
    const { id, kind, pieces, seqs, fua } = flight;
    if (kind === 'writev') {
      this.#requests.push({ kind, id, pieces, seqs, fua });
      return;
    }
    const { offset, length, payload } = pieces[0];
    const seq = seqs[0];
    if (isOr(payload)) this.#requests.push({ kind: 'or', id, offset, length, seq, parts: payload.or, fua });
    else if (kind === 'zero') this.#requests.push({ kind, id, offset, length, seq });
    else if (kind === 'copy') this.#requests.push({ kind, id, offset, length });
  }

  copy(start: number, end: number): void {
    const flight = this.open('copy');
    this.put(flight, { offset: start, length: end - start, payload: 'lbnOnly' }, false, undefined);
    this.send(flight);
  }

  landed(seq: number, written: boolean): void {
    this.#requests.push({ kind: 'landed', seq, written });
  }

  flush(): void {
    this.#requests.push({ kind: 'flush', id: this.open('flush').id });
  }

  grow(bytes: number): void {
    const flight = this.open('grow');
    flight.bytes = bytes;
    this.#requests.push({ kind: 'grow', id: flight.id, bytes });
  }

  /** A request has ended: its bytes are no longer under way. */
  land(id: number): Flight {
    const flight = this.#flights.get(id);
    if (!flight) throw new Fault('bug', `request ${id} of a mirror ended twice or was never made`);
    this.#flights.delete(id);
    this.#count(flight.kind, -1);
    for (const [start, end] of flight.runs) this.#busy.remove(start, end);
    return flight;
  }

  /** `[start, end)` became unknown: what is under way proves nothing about it. */
  doubt(start: number, end: number): void {
    for (const flight of this.#flights.values()) flight.doubt(start, end);
  }

  /** Calls back with the runs of bytes of every write under way. */
  forEachWrite(callback: (start: number, end: number) => void): void {
    for (const { kind, runs } of this.#flights.values()) {
      if (kind !== 'copy') for (const [start, end] of runs) callback(start, end);
    }
  }

  #count(kind: Flight['kind'], one: number): void {
    if (kind === 'copy') this.#copies += one;
    else if (kind === 'flush' || kind === 'grow') this.#holds += one;
    else this.#writes += one;
  }
}
