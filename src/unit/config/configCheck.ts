import { type ConfigNode, kindWords, type Mistake, quoted } from './configTree.ts';

/**
 * A check turns a node into a value, or writes down what is wrong with it and returns undefined. Checks never stop
 * at the first mistake: an operator mends a file once, not once per mistake.
 */
export type Check<T> = (node: ConfigNode, where: string, book: Mistake[]) => T | undefined;

/** A value that later checks, which compare several, can still point at. */
export interface Placed<T> {
  readonly value: T;
  readonly at: number;
  readonly where: string;
}

export interface Field<T> {
  readonly check: Check<T>;
  /** Without it the key must be there: then this says what to write. */
  readonly required?: string;
}

/** A key that is known but not served, and why. */
export interface Unserved {
  readonly wrong: string;
  readonly mend: string;
}

/** A group of keys. Absent optional keys are absent in the result; unknown ones are mistakes, with the nearest known key. */
export function group<T extends object>(
  fields: { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> },
  unserved: Readonly<Record<string, Unserved>> = {},
): Check<T> {
  const table = fields as Readonly<Record<string, Field<unknown>>>;
  const keys = Object.keys(table);
  return (node, where, book) => {
    if (node.kind !== 'map') {
      book.push({
        at: node.at,
        where,
        wrong: `a group of keys is expected, not ${kindWords(node)}`,
        mend: `write the keys ${keys.join(', ')}`,
      });
      return undefined;
    }
    const found = new Map<string, unknown>();
    for (const { key, keyAt, value } of node.entries) {
      const here = where === '' ? key : `${where}.${key}`;
      const later = Object.hasOwn(unserved, key) ? unserved[key] : undefined;
      if (found.has(key)) {
        book.push({ at: keyAt, where: here, wrong: 'the same key a second time', mend: 'remove one of the two' });
      } else if (Object.hasOwn(table, key)) {
        found.set(key, table[key].check(value, here, book));
      } else if (later !== undefined) {
        book.push({ at: keyAt, where: here, ...later });
      } else {
        const near = nearest(key, [...keys, ...Object.keys(unserved)]);
        const mend = near === undefined ? `known here: ${keys.join(', ')}` : `did you mean ${quoted(near)}?`;
        book.push({ at: keyAt, where: here, wrong: `unknown key ${quoted(key)}`, mend });
      }
    }
    for (const key of keys) {
      const mend = table[key].required;
      if (mend === undefined || found.has(key)) continue;
      // One clear word is enough where a key that is not served stands in this one's place.
      if (node.entries.some((entry) => Object.hasOwn(unserved, entry.key))) continue;
      book.push({ at: node.at, where, wrong: `the key ${quoted(key)} is missing`, mend });
    }
    return Object.fromEntries(found) as T;
  };
}

/** A list of at least `min` items, each checked by `item`; `mend` says what an item looks like. */
export function list<T>(item: Check<T>, min: number, mend: string): Check<T[]> {
  return (node, where, book) => {
    if (node.kind !== 'list') {
      book.push({
        at: node.at,
        where,
        wrong: `a list is expected, not ${kindWords(node)}`,
        mend: `put it in brackets: ${mend}`,
      });
      return undefined;
    }
    if (node.items.length < min) {
      book.push({ at: node.at, where, wrong: 'the list is empty', mend: `write at least one: ${mend}` });
    }
    return node.items.map((child, i) => item(child, `${where}[${i}]`, book)).filter((value) => value !== undefined);
  };
}

/** The value together with its place. */
export function placed<T>(check: Check<T>): Check<Placed<T>> {
  return (node, where, book) => {
    const value = check(node, where, book);
    return value === undefined ? undefined : { value, at: node.at, where };
  };
}

/** What a text says, or the words for why it does not. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string; readonly mend: string };

/** A text that `read` understands. */
export function text<T>(read: (words: string) => Reading<T>, example: string): Check<T> {
  return (node, where, book) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'string') {
      book.push({
        at: node.at,
        where,
        wrong: `a text is expected, not ${kindWords(node)}`,
        mend: `write for example ${quoted(example)}`,
      });
      return undefined;
    }
    const reading = read(node.value);
    if ('value' in reading) return reading.value;
    book.push({ at: node.at, where, ...reading });
    return undefined;
  };
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Check<T> {
  const choice = words.map(quoted).join(' or ');
  return (node, where, book) => {
    const value = words.find((word) => node.kind === 'scalar' && node.value === word);
    if (value === undefined) {
      book.push({
        at: node.at,
        where,
        wrong: `${choice} is expected, not ${kindWords(node)}`,
        mend: 'write one of them',
      });
    }
    return value;
  };
}

/** A number for which `valid` holds; `expected` names it, `mend` gives an example. */
export function number(valid: (value: number) => boolean, expected: string, mend: string): Check<number> {
  return (node, where, book) => {
    if (node.kind === 'scalar' && typeof node.value === 'number' && valid(node.value)) return node.value;
    book.push({ at: node.at, where, wrong: `${expected} is expected, not ${kindWords(node)}`, mend });
    return undefined;
  };
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number, unit: string): Check<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`;
  return number(
    (n) => Number.isSafeInteger(n) && n >= min && n <= max,
    `a whole number of ${unit} ${range}`,
    'write one without quotes',
  );
}

/** The known word that was most likely meant, by optimal string alignment distance; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = word.length <= 3 ? 1 : Math.max(2, Math.floor(word.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = alignment(word.slice(0, 64).toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function alignment(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(old[j] + 1, row[j - 1] + 1, old[j - 1] + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], older[j - 2] + 1);
    }
    [older, old] = [old, row];
  }
  return old[b.length];
}
