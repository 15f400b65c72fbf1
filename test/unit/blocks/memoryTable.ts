import type { TableStorage } from '../../../src/base/blocks.ts';
import { Fault } from '../../../src/base/fault.ts';

/** A table's storage in memory, as a killed process leaves it after every call. */
export class MemoryTable implements TableStorage {
  bytes: Uint8Array = new Uint8Array(0);
  /** Writes that succeed before all fail. */
  room: number = Number.POSITIVE_INFINITY;
  /** What is called after each change. */
  changed: () => void = () => undefined;
  /** Discarding fails too. */
  stuck = false;

  read(position: number, into: Uint8Array): void {
    into.fill(0);
    into.set(this.bytes.subarray(position, position + into.length));
  }

  write(position: number, bytes: Uint8Array): void {
    if (this.room-- <= 0) throw new Fault('local', 'no room');
    const end = position + bytes.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, position);
    this.changed();
  }

  async sync(): Promise<void> {}

  discard(): void {
    if (this.stuck) throw new Fault('local', 'stuck');
    this.bytes = new Uint8Array(0);
    this.changed();
  }
}
