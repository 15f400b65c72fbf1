import { put16, put32, u32 } from '../../parsers/bytes.ts';
import { copyOf } from '../base/bytes.ts';
import type { Command } from './command.ts';
import { command, cut, reply } from './command.ts';
import { invalidCdb } from './refusal.ts';
import type { Task } from './task.ts';

/** COPY OPERATION STATUS, SPC-5 table of them. */
export const COMPLETED = 0x01;
export const FAILED = 0x02;
export const PARTIAL_TOKEN = 0x03;
export const RESIDUAL_DATA = 0x04;
const RESULTS_KEPT = 16;
const COUNTS_BLOCKS = 0xf1;

export interface TokenResult {
  /** The service action that began it. */
  readonly action: number;
  readonly status: number;
  /** Blocks. */
  readonly transferred: number;
  readonly token: Uint8Array | undefined;
}

/** What became of the token commands of one nexus, by their list identifiers; the newest ones. */
export class TokenResults {
  readonly #results = new Map<number, TokenResult>();

  set(listId: number, result: TokenResult): void {
    this.#results.delete(listId);
    this.#results.set(listId, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > RESULTS_KEPT && oldest !== undefined) this.#results.delete(oldest);
  }

  get(listId: number): TokenResult | undefined {
    return this.#results.get(listId);
  }
}

/** RECEIVE ROD TOKEN INFORMATION, SPC-5 and SBC-4 section 5.25. */
function information(task: Task): Uint8Array {
  const result = task.seat.tokens.get(u32(task.cdb, 2));
  if (result === undefined) throw invalidCdb(2, 7);
  const descriptors = result.token === undefined ? 0 : 2 + result.token.length;
  const bytes = new Uint8Array(36 + descriptors);
  put32(bytes, 0, bytes.length - 4);
  bytes[4] = result.action;
  bytes[5] = result.status;
  put16(bytes, 6, 1);
  // No estimate, as it is over.
  put32(bytes, 8, 0xffffffff);
  bytes[15] = COUNTS_BLOCKS;
  put32(bytes, 16, Math.floor(result.transferred / 0x100000000));
  put32(bytes, 20, result.transferred % 0x100000000);
  put32(bytes, 32, descriptors);
  if (result.token !== undefined) bytes.set(result.token, 38);
  return cut(bytes, u32(task.cdb, 10));
}

export const tokenResultCommand: Command = command(
  [0x84, 0x07, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04],
  { action: 0x07, access: 'reads' },
  (task, cdb) => {
    task.cdb = copyOf(cdb, 0, 16);
  },
  reply(information),
);
