/** What `slice` of bytes is called, so that the compiler refuses it: see `copyOf`. */
interface CopyOfInstead {
  readonly copyOfInstead: true;
}

declare global {
  interface Uint8Array {
    slice(start?: number, end?: number): CopyOfInstead;
  }
  interface Buffer {
    slice(start?: number, end?: number): CopyOfInstead;
  }
}

/**
 * A copy of `bytes` from `start` to `end` that nobody else writes into. `slice` is one of a Uint8Array but a view of the same
 * memory of a Buffer, which is a Uint8Array by its type too: nothing here may depend on which of them it was given.
 */
export function copyOf(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(start, end));
}
