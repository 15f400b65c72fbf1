import { type ConfigEntry, type ConfigNode, isMistake, type Mistake, quoted } from './configTree.ts';

/**
 * Reads JSON (RFC 8259) and keeps every value's place. `JSON.parse` keeps none, and the YAML reader, which does,
 * explains a JSON mistake in YAML's words and takes most of a command's start-up time.
 *
 * Returns the tree, or the first mistake.
 */
export function readJson(text: string): ConfigNode | Mistake {
  return new JsonReader(text).document();
}

/** Deeper nesting than any configuration has; recursion beyond it would end in a stack overflow. */
const DEPTH_MAX = 64;

const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z_$][\w$]*/y;

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): ConfigNode | Mistake {
    this.#space();
    if (this.#at === this.#text.length) return wrong(0, 'the file is empty', 'see `tapmirror mirror --help`');
    const node = this.#value(0);
    if (isMistake(node)) return node;
    this.#space();
    if (this.#at < this.#text.length) {
      return wrong(this.#at, `${this.#here()} after the end of the configuration`, 'remove it, or a bracket before it');
    }
    return node;
  }

  #value(depth: number): ConfigNode | Mistake {
    const at = this.#at;
    if (depth > DEPTH_MAX) return wrong(at, `more than ${DEPTH_MAX} levels of brackets`, 'remove some');
    const char = this.#text[at];
    if (char === '{') return this.#map(depth);
    if (char === '[') return this.#list(depth);
    if (char === '"') {
      const value = this.#string();
      return typeof value === 'string' ? { kind: 'scalar', at, value } : value;
    }
    NUMBER.lastIndex = at;
    const number = NUMBER.exec(this.#text);
    if (number !== null) {
      this.#at += number[0].length;
      if (/[\w.]/.test(this.#text[this.#at] ?? '')) {
        return wrong(at, 'not a JSON number', 'write a decimal number, or a text in double quotes such as "64MiB"');
      }
      return { kind: 'scalar', at, value: Number(number[0]) };
    }
    WORD.lastIndex = at;
    const word = WORD.exec(this.#text)?.[0];
    if (word !== undefined && Object.hasOwn(WORDS, word)) {
      this.#at += word.length;
      return { kind: 'scalar', at, value: WORDS[word] };
    }
    if (word !== undefined) return wrong(at, `${quoted(word)} is not a JSON value`, 'put texts in double quotes');
    if (char === "'") return wrong(at, 'a text in single quotes', 'put texts in double quotes');
    return wrong(at, `a value is missing before ${this.#here()}`, 'write one, or remove the comma or key before it');
  }

  #map(depth: number): ConfigNode | Mistake {
    const at = this.#at++;
    const entries: ConfigEntry[] = [];
    this.#space();
    if (this.#take('}')) return { kind: 'map', at, entries };
    for (;;) {
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') {
        return wrong(
          keyAt,
          `a key is expected, not ${this.#here()}`,
          'put keys in double quotes, no comma after the last',
        );
      }
      const key = this.#string();
      if (typeof key !== 'string') return key;
      this.#space();
      if (!this.#take(':'))
        return wrong(this.#at, `':' is expected after the key ${quoted(key)}`, `write "key": value`);
      this.#space();
      const value = this.#value(depth + 1);
      if (isMistake(value)) return value;
      entries.push({ key, keyAt, value });
      this.#space();
      if (this.#take('}')) return { kind: 'map', at, entries };
      if (!this.#take(','))
        return wrong(this.#at, `',' or '}' is expected, not ${this.#here()}`, 'add the one missing');
      this.#space();
    }
  }

  #list(depth: number): ConfigNode | Mistake {
    const at = this.#at++;
    const items: ConfigNode[] = [];
    this.#space();
    if (this.#take(']')) return { kind: 'list', at, items };
    for (;;) {
      const value = this.#value(depth + 1);
      if (isMistake(value)) return value;
      items.push(value);
      this.#space();
      if (this.#take(']')) return { kind: 'list', at, items };
      if (!this.#take(','))
        return wrong(this.#at, `',' or ']' is expected, not ${this.#here()}`, 'add the one missing');
      this.#space();
    }
  }

  #string(): string | Mistake {
    const from = this.#at;
    let to = from + 1;
    while (to < this.#text.length && this.#text[to] !== '"' && this.#text[to] !== '\n') {
      to += this.#text[to] === '\\' ? 2 : 1;
    }
    if (this.#text[to] !== '"') return wrong(from, 'a text without its closing quote', 'add a double quote at its end');
    this.#at = to + 1;
    try {
      return JSON.parse(this.#text.slice(from, to + 1)) as string;
    } catch {
      return wrong(
        from,
        'a text with an escape or a control character that JSON does not know',
        'write `\\\\` for a backslash',
      );
    }
  }

  #space(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? '-')) this.#at++;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #here(): string {
    return this.#at < this.#text.length ? quoted(this.#text[this.#at]) : 'the end of the file';
  }
}

function wrong(at: number, what: string, mend: string): Mistake {
  return { at, where: '', wrong: what, mend };
}
