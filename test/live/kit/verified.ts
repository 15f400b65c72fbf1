import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { putRead } from '../../../parsers/scsi/build.ts';
import { copyOf } from '../../../src/base/bytes.ts';
import { dice } from './files.ts';
import { Host, type HostOptions } from './host.ts';
import { make, type Operation } from './operations.ts';

/** Bytes that were sent and not acknowledged: before or after it, or a part of it. */
interface Open {
  at: number;
  bytes: Uint8Array;
}

export interface VerifiedOptions extends HostOptions {
  seed: number;
  depth: number;
  operations: readonly Operation[];
  /** Blocks of each, from and to. */
  blocks?: readonly [number, number];
  /** The part of the LU, in blocks. */
  from?: number;
  span?: number;
}

/** A host that knows what must be where: it writes, and reads back what it has written before. */
export class Verified {
  readonly host: Host;
  readonly #options: VerifiedOptions;
  readonly #open = new Map<number, Open>();
  #model = new Uint8Array(0);
  #left = 0;
  #goal = Number.POSITIVE_INFINITY;
  #reached = (): void => {};
  done = 0;

  constructor(options: VerifiedOptions) {
    this.#options = options;
    this.host = new Host(options);
  }

  /** Logs in and learns what is there. */
  async begin(image: string): Promise<this> {
    await this.host.open();
    this.#model = new Uint8Array(readFileSync(image));
    return this;
  }

  /** Carries out so many commands. Rejects where one is refused, or a read is not what was written. */
  async run(count: number): Promise<void> {
    this.#left = count;
    await Promise.all(Array.from({ length: this.#options.depth }, (_, n) => this.#lane(n)));
  }

  /** Resolves once so many commands are done, in all. */
  async reaches(count: number): Promise<void> {
    if (this.done >= count) return;
    await new Promise<void>((resolve) => {
      this.#goal = count;
      this.#reached = resolve;
    });
  }

  /** As `run`, until the target is gone. */
  async runToTheEnd(): Promise<void> {
    this.#left = Number.POSITIVE_INFINITY;
    await Promise.allSettled(Array.from({ length: this.#options.depth }, (_, n) => this.#lane(n)));
  }

  async close(): Promise<void> {
    await this.host.close();
  }

  /** Everything that was acknowledged lies in the image; what was under way may be there or not. */
  check(image: string): void {
    const bytes = readFileSync(image);
    for (const { at, bytes: sent } of this.#open.values()) {
      for (let i = 0; i < sent.length; i++) {
        const found = bytes[at + i];
        assert.ok(
          found === sent[i] || found === this.#model[at + i],
          `byte ${at + i} is neither the old nor the new one`,
        );
        this.#model[at + i] = found;
      }
    }
    this.#open.clear();
    const from = (this.#options.from ?? 0) * this.host.blockSize;
    const span = (this.#options.span ?? this.host.blocks - (this.#options.from ?? 0)) * this.host.blockSize;
    const wrong = firstDifference(bytes.subarray(from, from + span), this.#model.subarray(from, from + span));
    assert.equal(wrong, undefined, `byte ${from + (wrong ?? 0)} of the image is not what was acknowledged`);
  }

  async #lane(n: number): Promise<void> {
    const { seed, operations, depth, blocks: [least, most] = [1, 64], from = 0 } = this.#options;
    const { blockSize, blocks: all } = this.host;
    const width = Math.floor((this.#options.span ?? all - from) / depth);
    const base = from + n * width;
    const roll = dice(seed * 64 + n);
    while (this.#left-- > 0) {
      const blocks = Math.min(width, least + roll(most - least + 1));
      const operation = operations[roll(operations.length)];
      const lbn = base + roll(width - blocks + 1);
      const at = lbn * blockSize;
      const { cdb, ...data } = make(operation, lbn, blocks, blockSize, roll);
      const bytes = effect(operation, data.out, blocks * blockSize, this.#model.subarray(at, at + blocks * blockSize));
      if (bytes !== undefined) this.#open.set(n, { at, bytes });
      const read = await this.host.do(cdb, data);
      if (bytes !== undefined) this.#model.set(bytes, at);
      this.#open.delete(n);
      if (read !== undefined) this.#compare(at, read, operation);
      this.done++;
      if (this.done >= this.#goal) this.#reached();
    }
  }

  /** Reads back everything, whatever lane it belongs to. */
  async readAll(): Promise<void> {
    const { blockSize, blocks } = this.host;
    const from = this.#options.from ?? 0;
    const end = from + (this.#options.span ?? blocks - from);
    for (let lbn = from; lbn < end; lbn += 512) {
      const count = Math.min(512, end - lbn);
      const cdb = new Uint8Array(16);
      putRead(cdb, lbn, count);
      const read = await this.host.do(cdb, { inBytes: count * blockSize });
      if (read !== undefined) this.#compare(lbn * blockSize, read, 'r10');
    }
  }

  #compare(at: number, read: Uint8Array, operation: string): void {
    const wrong = firstDifference(read, this.#model.subarray(at, at + read.length));
    assert.equal(wrong, undefined, `${operation}: byte ${at + (wrong ?? 0)} was read as ${read[wrong ?? 0]}`);
  }
}

/** What the bytes are after it; undefined where it changes none. */
function effect(
  operation: Operation,
  out: Uint8Array | undefined,
  bytes: number,
  was: Uint8Array,
): Uint8Array | undefined {
  switch (operation) {
    case 'r10':
    case 'sync':
      return undefined;
    case 'unmap':
      return new Uint8Array(bytes);
    case 'same10':
    case 'same16':
    case 'same16u': {
      const all = new Uint8Array(bytes);
      for (let at = 0; at < bytes; at += out?.length ?? bytes) all.set(out ?? [], at);
      return all;
    }
    case 'or':
      return was.map((byte, i) => byte | (out?.[i] ?? 0));
    default:
      return out && copyOf(out);
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return a.length;
}
