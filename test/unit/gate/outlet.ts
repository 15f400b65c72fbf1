import type { TeeOutlet } from '../../../src/base/tee.ts';
import { join } from '../parsers/net/build.ts';

/** Gathers what a host would get. */
export class Gathered implements TeeOutlet {
  readonly runs: Uint8Array[] = [];
  held = false;
  ended = false;

  write(bytes: Uint8Array): void {
    this.runs.push(bytes);
  }

  end(): void {
    this.ended = true;
  }

  hold(held: boolean): void {
    this.held = held;
  }

  get bytes(): Uint8Array {
    return join(...this.runs);
  }
}
