import { hash as digest } from 'node:crypto';
import type { LinkHash } from '../../parsers/formats/linkGreeting.ts';
import {
  CHECK_GROUP,
  CHECK_HASH_BYTES,
  CHECK_PAGE,
  type LinkAnswer,
  type LinkQuestion,
} from '../../parsers/formats/linkRequests.ts';
import type { Piece } from '../base/change.ts';
import { allZeros } from './zeros.ts';

type CheckQuestion = Extract<LinkQuestion, { kind: 'check' }>;
type DifferAnswer = Extract<LinkAnswer, { kind: 'differ' }>;

const PAGES_PER_GROUP: number = CHECK_GROUP / CHECK_PAGE;
const GROUP_HASHES: number = PAGES_PER_GROUP * CHECK_HASH_BYTES;

/**
 * The hashes of a chunk, coarse to fine: 128 bits for each page of 4 KiB, for each group of 16 pages over their hashes, and for
 * the whole over the groups' hashes. So the volume's bytes are hashed once, whatever is compared.
 */
export interface ChunkHashes {
  pages: Uint8Array;
  groups: Uint8Array;
  whole: Uint8Array;
}

/** Hashes with one function; pages of zeros, which most volumes hold many of, are known beforehand. */
export class ChunkHasher {
  readonly kind: LinkHash;
  readonly #zeros: Uint8Array;

  constructor(kind: LinkHash) {
    this.kind = kind;
    this.#zeros = this.#hash(new Uint8Array(CHECK_PAGE));
  }

  chunk(bytes: Uint8Array): ChunkHashes {
    const pages = this.#each(bytes, CHECK_PAGE, (page) => this.#page(page));
    const groups = this.#each(pages, GROUP_HASHES, (group) => this.#hash(group));
    return { pages, groups, whole: this.#hash(groups) };
  }

  #each(bytes: Uint8Array, step: number, hash: (part: Uint8Array) => Uint8Array): Uint8Array {
    const out = new Uint8Array(Math.ceil(bytes.length / step) * CHECK_HASH_BYTES);
    for (let n = 0; n * step < bytes.length; n++) {
      out.set(hash(bytes.subarray(n * step, (n + 1) * step)), n * CHECK_HASH_BYTES);
    }
    return out;
  }

  #page(page: Uint8Array): Uint8Array {
    return page.length === CHECK_PAGE && allZeros(page) ? this.#zeros : this.#hash(page);
  }

  #hash(bytes: Uint8Array): Uint8Array {
    return digest(this.kind, bytes, 'buffer').subarray(0, CHECK_HASH_BYTES);
  }
}

/** What the far end answers: its own hashes of every page in the groups that differ. */
export function compareChunk(question: CheckQuestion, held: ChunkHashes): DifferAnswer {
  const groups: { group: number; pages: Uint8Array }[] = [];
  if (question.coarse && same(question.hashes, held.whole)) return { kind: 'differ', groups };
  for (let group = 0; group * CHECK_HASH_BYTES < held.groups.length; group++) {
    const at = group * CHECK_HASH_BYTES;
    const theirs = question.hashes.subarray(at, at + CHECK_HASH_BYTES);
    if (!question.coarse && same(theirs, held.groups.subarray(at, at + CHECK_HASH_BYTES))) continue;
    groups.push({ group, pages: held.pages.subarray(group * GROUP_HASHES, (group + 1) * GROUP_HASHES) });
  }
  return { kind: 'differ', groups };
}

/**
 * The pages of `bytes`, which lie at `offset` and have the hashes `own`, that differ by the far end's answer; neighbours
 * joined. Words instead where the answer cannot be about these bytes.
 */
export function differingPieces(
  offset: number,
  bytes: Uint8Array,
  own: ChunkHashes,
  answer: DifferAnswer,
): Piece[] | string {
  const pieces: { offset: number; length: number; payload: readonly Uint8Array[] }[] = [];
  let open = -1;
  let end = -1;
  const put = (): void => {
    if (open >= 0) pieces.push({ offset: offset + open, length: end - open, payload: [bytes.subarray(open, end)] });
  };
  for (const { group, pages } of answer.groups) {
    const mine = own.pages.subarray(group * GROUP_HASHES, (group + 1) * GROUP_HASHES);
    if (mine.length !== pages.length) return `it compared ${pages.length / CHECK_HASH_BYTES} pages of another group`;
    for (let at = 0; at < pages.length; at += CHECK_HASH_BYTES) {
      if (same(mine.subarray(at, at + CHECK_HASH_BYTES), pages.subarray(at, at + CHECK_HASH_BYTES))) continue;
      const from = group * CHECK_GROUP + (at / CHECK_HASH_BYTES) * CHECK_PAGE;
      if (from !== end) {
        put();
        open = from;
      }
      end = Math.min(from + CHECK_PAGE, bytes.length);
    }
  }
  put();
  return pieces;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
