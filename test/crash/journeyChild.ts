/**
 * The near end of `journey.test.ts`, a process of its own: writes blocks through a link, each with its number in it, and says
 * which are durable there.
 */
import type { JourneyVolume, LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import { openJourneyVolume } from '../../src/unit/link/journeyVolume.ts';
import { journeyOptions } from '../kit/journey.ts';

export const BLOCK = 4096;
export const BLOCKS = 256;
/** Entries under way. */
const UNDER_WAY = 32;
const BLOCKS_MAX = 12;

export interface ChildOrder {
  port: number;
  keys: LinkKeys;
  /** The number of the first write. */
  first: number;
  seed: number;
}

export type ChildNews =
  /** What every block of the far volume holds: the number of a write, 0 for none. */
  /** And the last write that was made, everything up to which is durable; undefined: none was. */
  | { kind: 'held'; numbers: number[]; last?: number }
  | { kind: 'durable'; number: number }
  | { kind: 'failed'; message: string };

function tell(news: ChildNews): void {
  process.send?.(news);
}

async function held(volume: JourneyVolume): Promise<number[]> {
  const bytes = new Uint8Array(BLOCK * BLOCKS);
  await volume.read(0, bytes);
  const words = new DataView(bytes.buffer);
  return Array.from({ length: BLOCKS }, (_, n) => {
    const number = words.getUint32(n * BLOCK);
    const whole = bytes.subarray(n * BLOCK + 4, (n + 1) * BLOCK).every((byte) => byte === number % 251);
    return whole ? number : -1;
  });
}

function contents(number: number, blocks: number): Uint8Array {
  const bytes = new Uint8Array(blocks * BLOCK).fill(number % 251);
  for (let n = 0; n < blocks; n++) new DataView(bytes.buffer).setUint32(n * BLOCK, number);
  return bytes;
}

/** Where the writes of one seed go, one after the other. */
export class Places {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): { block: number; blocks: number } {
    const blocks = 1 + this.#below(BLOCKS_MAX);
    return { block: this.#below(BLOCKS - blocks), blocks };
  }

  /** Marsaglia's xorshift. */
  #below(bound: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % bound;
  }
}

class Writer {
  readonly #volume: JourneyVolume;
  readonly #places: Places;
  #number: number;
  #under = 0;
  #wake = (): void => undefined;
  stopped = false;

  constructor(volume: JourneyVolume, { first, seed }: ChildOrder) {
    this.#volume = volume;
    this.#number = first;
    this.#places = new Places(seed);
  }

  async run(): Promise<number> {
    while (!this.stopped) {
      this.#write();
      while (this.#under >= UNDER_WAY) await new Promise<void>((resolve) => (this.#wake = resolve));
      await new Promise(setImmediate);
    }
    await this.#volume.flush();
    return this.#number - 1;
  }

  #write(): void {
    const number = this.#number++;
    const { block, blocks } = this.#places.next();
    const pieces = [{ offset: block * BLOCK, length: blocks * BLOCK, payload: [contents(number, blocks)] }];
    this.#under++;
    const at = BigInt(Date.now()) * 1_000_000n;
    this.#volume.append({ kind: 'change', at, pieces, consistent: true }).then(
      () => {
        this.#under--;
        tell({ kind: 'durable', number });
        this.#wake();
      },
      (error: Error) => tell({ kind: 'failed', message: error.message }),
    );
  }
}

process.once('message', (order: ChildOrder) => {
  void (async () => {
    const volume = await openJourneyVolume(journeyOptions(order.port, order.keys, { bytes: BLOCK * BLOCKS }));
    tell({ kind: 'held', numbers: await held(volume) });
    for (;;) {
      const writer = new Writer(volume, order);
      // The parent wants to know what is held, and has it go on.
      const asked = new Promise<void>((resolve) => process.once('message', () => resolve()));
      const running = writer.run();
      await asked;
      writer.stopped = true;
      const last = await running;
      tell({ kind: 'held', numbers: await held(volume), last });
      const next = await new Promise<{ first: number; seed: number }>((resolve) =>
        process.once('message', (message: { first: number; seed: number }) => resolve(message)),
      );
      order.first = next.first;
      order.seed = next.seed;
    }
  })().catch((error: Error) => tell({ kind: 'failed', message: error.message }));
});
