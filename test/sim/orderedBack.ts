import type { Piece } from '../../src/base/change.ts';
import { Extents } from '../../src/base/extents.ts';
import { Fault } from '../../src/base/fault.ts';
import type { OrderedMirror } from '../../src/mirror/ordered.ts';
import type { OrderedRequest } from '../../src/mirror/orderedRequests.ts';
import type { OrderedFar } from './orderedFar.ts';
import type { OrderedLocal } from './orderedLocal.ts';
import { BLOCK, SIZE } from './orderedPieces.ts';

interface Survey {
  id: number;
  wanted: Extents;
  /** Bytes asked about so far. */
  asked: number;
  rest: Extents;
}

interface Copy {
  id: number;
  offset: number;
  bytes: Uint8Array;
  /** Bytes read so far. */
  read: number;
  pieces: Piece[] | undefined;
  /** What of it was asked for: the rest is not even looked at. */
  ranges: readonly (readonly [number, number])[];
}

export interface BackParts {
  below: (n: number) => number;
  /** What the first volume holds. */
  first: Uint8Array;
  local: OrderedLocal;
  far: OrderedFar;
  /** Whether the next step fails. */
  fails: () => boolean;
  step: (input: Parameters<OrderedMirror['step']>[0]) => void;
}

/** What is read back for an ordered mirror: copies and surveys that go on a step at a time. */
export class OrderedBack {
  readonly #parts: BackParts;
  readonly #copies: Copy[] = [];
  readonly #surveys: Survey[] = [];

  constructor(parts: BackParts) {
    this.#parts = parts;
  }

  begin(request: Extract<OrderedRequest, { kind: 'copy' | 'survey' }>): void {
    if (request.kind === 'survey') {
      this.#surveys.push({ id: request.id, wanted: request.wanted, asked: 0, rest: new Extents() });
      return;
    }
    const { id, offset, length, ranges = [[offset, offset + length]] } = request;
    this.#copies.push({ id, offset, bytes: new Uint8Array(length), read: 0, pieces: undefined, ranges });
  }

  /** One step of a copy: a part is read, then what differs is found out, then it is told. */
  copy(): void {
    const at = this.#parts.below(this.#copies.length);
    const copy = this.#copies[at];
    if (!copy) return;
    const { id, offset, bytes } = copy;
    if (this.#parts.fails()) {
      this.#copies.splice(at, 1);
      const fault = new Fault('local', 'cannot be read');
      this.#parts.step({ kind: 'failed', id, fault, source: true });
    } else if (copy.read < bytes.length) {
      const length = Math.min(bytes.length - copy.read, 1 + this.#parts.below(3 * BLOCK));
      bytes.set(this.#parts.first.subarray(offset + copy.read, offset + copy.read + length), copy.read);
      copy.read += length;
    } else if (copy.pieces === undefined) {
      copy.pieces = copy.ranges.flatMap(([start, end]) =>
        this.#parts.far.differing(start, bytes.subarray(start - offset, end - offset)),
      );
    } else {
      this.#copies.splice(at, 1);
      this.#parts.step({ kind: 'copied', id, pieces: copy.pieces });
    }
  }

  /** One step of a survey: some blocks that the local mirror knows are asked about, or it is told what is left. */
  survey(): void {
    const at = this.#parts.below(this.#surveys.length);
    const survey = this.#surveys[at];
    if (!survey) return;
    const { id, wanted, rest } = survey;
    if (this.#parts.fails()) {
      this.#surveys.splice(at, 1);
      this.#parts.step({ kind: 'failed', id, fault: new Fault('local', 'no table'), source: false });
      return;
    }
    if (survey.asked === SIZE) {
      this.#surveys.splice(at, 1);
      this.#parts.step({ kind: 'surveyed', id, rest });
      return;
    }
    const end = Math.min(SIZE, survey.asked + BLOCK * (1 + this.#parts.below(12)));
    for (; survey.asked < end; survey.asked += BLOCK) {
      const offset = survey.asked;
      if (!wanted.intersects(offset, offset + BLOCK)) continue;
      const known = this.#parts.local.known(offset);
      if (!known || this.#parts.far.differing(offset, known).length > 0) rest.add(offset, offset + BLOCK);
    }
  }
}
