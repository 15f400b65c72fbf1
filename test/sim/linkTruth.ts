import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyOf } from '../../src/base/bytes.ts';
import type { OrderedEntry } from '../../src/base/ordered.ts';
import { isOr } from '../../src/base/payload.ts';
import { applyPiece } from '../kit/farStore.ts';

/** An entry as it came: the last of those that it stands for, and what the volume is with it. */
interface Came {
  readonly id: number;
  readonly text: string;
}

/**
 * What a store may come to hold by what one sender was given: after every entry what all of it up to some appended one makes,
 * whatever was left out on the way.
 */
export class LinkTruth {
  #image: Uint8Array = new Uint8Array();
  /** Appended, and in none that came. */
  #due: { id: number; entry: OrderedEntry }[] = [];
  #came: Came[] = [];
  #first = 1;

  /** What the sender meets: a store that holds this, with entries up to `number`. */
  begin(held: Uint8Array, number: number): void {
    this.#image = copyOf(held);
    this.#due = [];
    this.#came = [];
    this.#first = number + 1;
  }

  appended(id: number, entry: OrderedEntry): void {
    this.#due.push({ id, entry });
  }

  /** The store holds this after the entry of that number. Returns how many it stands for. */
  applied(number: number, entry: OrderedEntry, held: Uint8Array): number {
    const before = this.#came[number - this.#first];
    if (before) {
      assert.equal(textOf(held), before.text, `entry ${number} is once more what it was`);
      return 1;
    }
    assert.equal(number, this.#first + this.#came.length, 'numbers go up by one');
    const some = this.#due.splice(0, this.#due.findIndex((one) => one.entry.at === entry.at) + 1);
    const last = some.at(-1);
    assert.ok(last, `entry ${number} has the time of one that is due`);
    for (const one of some)
      if ('pieces' in one.entry) for (const piece of one.entry.pieces) applyPiece(this.#image, piece);
    const text = textOf(this.#image);
    assert.equal(textOf(held), text, `entry ${number} leaves behind what those that it stands for do`);
    assert.equal(entry.kind, last.entry.kind);
    assert.equal(entry.consistent, last.entry.consistent);
    this.#came.push({ id: last.id, text });
    if (some.length > 1) for (const one of some) assertPlain(one.entry, entry.consistent);
    return some.length;
  }

  /** What was appended with this id is said to be durable, and the store's last durable entry has that number. */
  durable(id: number, number: number): void {
    const last = this.#came[number - this.#first];
    assert.ok(last && last.id >= id, 'durable is durable');
  }
}

/** Only writes that mean the same wherever they stand, and say the same, become one. */
function assertPlain(entry: OrderedEntry, consistent: boolean): void {
  assert.ok('pieces' in entry && entry.order === undefined && entry.consistent === consistent);
  assert.ok(entry.pieces.every(({ payload }) => !isOr(payload)));
}

function textOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
