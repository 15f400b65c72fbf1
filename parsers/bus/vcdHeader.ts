/** A variable of a VCD, as declared by `$var`. */
export interface VcdVariable {
  /** Names of the scopes around it and its own, without its range. */
  path: readonly string[];
  /** The range as written: of `[7:0]` 7 and 0, of `[3]` 3 and 3; undefined where there is none. */
  range: readonly [number, number] | undefined;
  width: number;
  /** The identifier code as a number (`idNumber`), -1 when it is longer than a number can hold. */
  id: number;
  type: string;
}

/** A token of the header longer than this is none: a comment's may be, and is passed over. */
const TOKEN_MAX = 512;
/** Tokens of a section that are looked at: the eight or so of a `$var`, the two of a `$timescale`. */
const TOKENS_MAX = 16;
const SCOPES_MAX = 256;
const SECTIONS: readonly string[] = ['$var', '$scope', '$timescale'];
const UNITS: Readonly<Record<string, number>> = { s: 9, ms: 6, us: 3, ns: 0, ps: -3, fs: -6 };

/** Characters of an identifier code lie from 33 to 126 (IEEE 1364 section 18.2.1). */
const ID_BASE = 94;
const ID_LENGTH_MAX = 8;

/** An identifier code as a number that no other code has: 1 to 94 for one character, then up. -1 for more than eight. */
export function idNumber(code: string): number {
  if (code.length > ID_LENGTH_MAX) return -1;
  let id = 0;
  for (let i = 0; i < code.length; i++) id = id * ID_BASE + code.charCodeAt(i) - 32;
  return id;
}

/**
 * The declarations of a VCD (IEEE 1364 section 18.2), in pieces as they come, up to `$enddefinitions $end`. Keeps one
 * section at most; every variable is handed on and forgotten.
 */
export class VcdHeader {
  /** `$enddefinitions $end` has passed. */
  done = false;
  /** Why this is no VCD. */
  reason: string | undefined;
  /** A unit of time is `unit[0] / unit[1]` nanoseconds; undefined where no `$timescale` says so. */
  unit: readonly [number, number] | undefined;
  variables = 0;
  private readonly variable: (variable: VcdVariable) => void;
  private readonly scopes: string[] = [];
  private section = '';
  private readonly tokens: string[] = [];
  private readonly token = new Uint8Array(TOKEN_MAX);
  private length = 0;

  constructor(variable: (variable: VcdVariable) => void) {
    this.variable = variable;
  }

  /** Reads `bytes[from, to)`; returns where it stopped: `to`, or just after the last section's `$end`. */
  push(bytes: Uint8Array, from: number, to: number): number {
    for (let i = from; i < to; i++) {
      const byte = bytes[i];
      // scsimon fills its date up with NULs.
      if (byte > 32) {
        if (this.length < TOKEN_MAX) this.token[this.length] = byte;
        this.length++;
      } else if (this.length > 0) {
        this.take();
        if (this.done || this.reason !== undefined) return i + 1;
      }
    }
    return to;
  }

  private take(): void {
    const length = this.length;
    this.length = 0;
    if (this.section !== '') {
      if (length === 4 && this.text(4) === '$end') this.end();
      else if (this.tokens.length < TOKENS_MAX && SECTIONS.includes(this.section)) {
        this.tokens.push(this.text(Math.min(length, TOKEN_MAX)));
      }
      return;
    }
    const word = this.text(Math.min(length, 40));
    if (!/^\$[a-z]+$/.test(word)) {
      this.reason = `\`${word.replace(/[^ -~]/g, '?')}\` stands where a section such as $var was expected`;
    } else if (word !== '$end') {
      this.section = word;
      this.tokens.length = 0;
    }
  }

  private text(length: number): string {
    return String.fromCharCode(...this.token.subarray(0, length));
  }

  private end(): void {
    const { section, tokens } = this;
    this.section = '';
    if (section === '$enddefinitions') this.done = true;
    else if (section === '$timescale') this.timescale(tokens.join(''));
    else if (section === '$upscope') this.scopes.pop();
    else if (section === '$var') this.declare(tokens);
    else if (section === '$scope') {
      if (this.scopes.length === SCOPES_MAX) this.reason = `more than ${SCOPES_MAX} scopes lie within each other`;
      else this.scopes.push(tokens[1] ?? '');
    }
  }

  private timescale(text: string): void {
    const match = /^(1|10|100)(s|ms|us|ns|ps|fs)$/.exec(text);
    if (match === null) {
      this.reason = `the time scale \`${text.slice(0, 20)}\` is none that a VCD may have`;
      return;
    }
    const power = UNITS[match[2]] + match[1].length - 1;
    this.unit = power < 0 ? [1, 10 ** -power] : [10 ** power, 1];
  }

  private declare(tokens: readonly string[]): void {
    const width = Number(tokens[1]);
    if (tokens.length < 4 || !Number.isInteger(width) || width < 0 || width > 2 ** 24) {
      this.reason = `variable ${this.variables + 1} is declared as \`${tokens.slice(0, 4).join(' ').slice(0, 80)}\``;
      return;
    }
    this.variables++;
    const reference = tokens.slice(3).join(' ');
    const match = /^(.*?)\s*\[\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?\]$/.exec(reference);
    const name = match === null || match[1] === '' ? reference : match[1];
    this.variable({
      path: [...this.scopes, name],
      range: match === null || match[1] === '' ? undefined : [Number(match[2]), Number(match[3] ?? match[2])],
      width,
      id: idNumber(tokens[2]),
      type: tokens[0],
    });
  }
}
