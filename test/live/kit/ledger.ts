import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Processes } from './processes.ts';
import { Heard } from './until.ts';

const CHILD = fileURLToPath(new URL('./ledgerChild.js', import.meta.url));
/** Blocks of each LU that the steps go round; the marker's block lies behind them. */
export const LEDGER_BLOCKS = 64;

export interface LedgerOrder {
  /** LUs, which the steps go to in turn. */
  urls: string[];
  initiator: string;
  /** The first step. */
  from: number;
}

/** What step `n` writes. */
export function ledgerBlock(n: number, blockSize: number): Uint8Array {
  const block = new Uint8Array(blockSize).fill(n % 251);
  new DataView(block.buffer).setUint32(0, n);
  return block;
}

/** The last step whose write these images hold. Fails unless they hold what exactly the steps up to there left. */
export function lastStep(images: readonly string[], blockSize = 512): number {
  const seen = images.map((path) => {
    const bytes = new Uint8Array(LEDGER_BLOCKS * blockSize);
    const file = openSync(path, 'r');
    readSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: LEDGER_BLOCKS }, (_, block) => view.getUint32(block * blockSize));
  });
  const last = Math.max(...seen.flat());
  const span = images.length * LEDGER_BLOCKS;
  for (let step = Math.max(1, last - span + 1); step <= last; step++) {
    const [volume, block] = [step % images.length, Math.floor(step / images.length) % LEDGER_BLOCKS];
    assert.equal(
      seen[volume][block],
      step,
      `the images hold step ${last}, and step ${step} in block ${block} of ${volume}`,
    );
  }
  return last;
}

/** A host whose every write depends on the one before. */
export class Ledger {
  readonly #child: ChildProcess;
  readonly #lines = new Heard<string>();

  constructor(processes: Processes, space: string | undefined, order: LedgerOrder) {
    this.#child = processes.start(space, [process.execPath, CHILD, JSON.stringify(order)], ['pipe', 'pipe', 'inherit']);
    const { stdout } = this.#child;
    if (stdout) createInterface({ input: stdout }).on('line', (line) => this.#lines.add(line));
    this.#child.once('close', (code, signal) => this.#lines.end(`the ledger ended with ${signal ?? code}`));
  }

  get at(): number {
    return Number(this.#lines.all.findLast((line) => line.startsWith('at '))?.split(' ')[1] ?? 0);
  }

  async further(steps: number): Promise<void> {
    const goal = this.at + steps;
    await this.#lines.first(`${steps} more steps`, (line) => Number(line.split(' ')[1]) >= goal, { ms: 40_000 });
  }

  /** The marker block says so from here on; resolves with the step before it. */
  async mark(text: string): Promise<number> {
    this.#child.stdin?.write(`${text}\n`);
    const from = this.#lines.all.length;
    const line = await this.#lines.first('it is marked', (one) => one.startsWith('marked'), { ms: 40_000, from });
    return Number(line.split(' ')[1]);
  }

  /** Ends it after the write that is under way; the last step. */
  async stop(): Promise<number> {
    this.#child.stdin?.write('stop\n');
    const line = await this.#lines.first('the ledger has ended', (one) => one.startsWith('end'), { ms: 40_000 });
    return Number(line.split(' ')[1]);
  }
}
