import type { CommandView } from '../base/command.ts';

/** A copy of a `CommandView` that may be kept. */
export type Row = Readonly<CommandView>;

/** Takes rows in the order they are to be shown. */
export interface RowWriter {
  row(row: Row): void;
  /** After the last row. */
  end(): void;
}

/** The first LBN in decimal, however large; undefined where the command has none. */
export function lbnWords(row: Row): string | undefined {
  if (row.lbnExact !== undefined) return String(row.lbnExact);
  return row.lbn >= 0 ? String(row.lbn) : undefined;
}

/** Copies a borrowed view field by field, so that it may be any object with these fields. */
export function rowOf(view: CommandView): Row {
  return {
    frame: view.frame,
    responseFrame: view.responseFrame,
    stream: view.stream,
    at: view.at,
    latency: view.latency,
    host: view.host,
    target: view.target,
    lu: view.lu,
    lun: view.lun,
    itt: view.itt,
    ordinal: view.ordinal,
    opcode: view.opcode,
    operation: view.operation,
    nature: view.nature,
    lbn: view.lbn,
    blocks: view.blocks,
    lbnExact: view.lbnExact,
    blockSize: view.blockSize,
    edtl: view.edtl,
    direction: view.direction,
    status: view.status,
    sense: view.sense === undefined ? undefined : { ...view.sense },
    ending: view.ending,
    dataIn: view.dataIn,
    dataOut: view.dataOut,
    queueDepth: view.queueDepth,
  };
}

interface Held {
  row: Row;
  /** Order of arrival, the last resort. */
  order: number;
}

/**
 * Puts rows back into the order of their commands: rows arrive as commands end, and are held (in a heap, at most `limit`
 * of them) until no earlier command is likely to follow. When full, the earliest goes out.
 */
export class HoldBack {
  readonly #heap: Held[] = [];
  readonly #limit: number;
  readonly #emit: (row: Row) => void;
  #order = 0;

  constructor(limit: number, emit: (row: Row) => void) {
    this.#limit = limit;
    this.#emit = emit;
  }

  push(row: Row): void {
    const held = { row, order: this.#order++ };
    const heap = this.#heap;
    let at = heap.push(held) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(held, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = held;
    if (heap.length > this.#limit) this.#emit(this.#pop());
  }

  /** Lets everything out. */
  flush(): void {
    while (this.#heap.length > 0) this.#emit(this.#pop());
  }

  /** The earliest row; the heap is not empty. */
  #pop(): Row {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap[heap.length - 1];
    heap.length--;
    if (heap.length > 0) {
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], last)) break;
        heap[at] = heap[child];
        at = child;
      }
      heap[at] = last;
    }
    return first.row;
  }
}

function before(a: Held, b: Held): boolean {
  if (a.row.frame !== b.row.frame) return a.row.frame < b.row.frame;
  return a.row.ordinal !== b.row.ordinal ? a.row.ordinal < b.row.ordinal : a.order < b.order;
}
