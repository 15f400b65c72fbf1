/**
 * CRC-32C of long runs without tables, in WebAssembly: five times as fast as with them.
 *
 * `x^290 + x^136 + x^113 + x^107 + x^32 + 1` is a multiple of the generator polynomial; raised to the eighth power it is one in
 * which every exponent stands for whole bytes. So a byte of a message may be added (XOR) to the bytes 154, 177, 183, 258 and 290
 * behind it and be gone, and the CRC is the same. What is left in the end is as long as the last of these distances, and goes
 * through the tables. No distance is shorter than a store takes to reach the cache: shorter ones were a third slower.
 *
 * The module is put together here, instruction by instruction: it is one function.
 */
const DISTANCES = [154, 177, 183, 258, 290] as const;
const LONGEST = 290;
/** Bytes of a vector. */
const STEP = 16;
/** Bytes that are left for the tables: at least the longest distance, at most a vector more. */
const REST_MAX: number = LONGEST + STEP;
const PAGE = 65536;
/** Where things lie in the module's memory: the rest, zeros before the bytes, the bytes. */
const REST_AT = 0;
const BYTES_AT = 4096;
/** What is folded in one go; more would leave the processor's nearer caches. */
const BYTES_MAX: number = PAGE;
/** Memory behind the last bytes, which is read as zeros. */
const BEHIND = 4096;

/** What this needs of the global of that name, which the language's own types leave out. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { run: Run; memory: { buffer: ArrayBuffer } } };
}
/** Adds to each vector at `own`, as long as `at` is below `end`, what lies the distances before `at`; both go on together. */
type Run = (at: number, end: number, own: number) => void;

/** Makes long runs short. */
export class CrcFold {
  /** What is left: a run of bytes whose CRC from the state 0 is the state behind those that were folded. */
  readonly rest: Uint8Array;
  /** The same as words, as this machine reads them. */
  readonly restWords: Int32Array;
  readonly #run: Run;
  readonly #memory: Uint8Array;

  constructor() {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { run, memory } = new Instance(new Module(moduleBytes())).exports;
    this.#run = run;
    this.#memory = new Uint8Array(memory.buffer);
    this.rest = this.#memory.subarray(REST_AT, REST_AT + REST_MAX);
    this.restWords = new Int32Array(memory.buffer, REST_AT, REST_MAX >> 2);
  }

  /** How many of so many bytes, more than `FOLD_MIN`, go into `rest` with one call. */
  part(bytes: number): number {
    return Math.min(BYTES_MAX, bytes);
  }

  /** Folds `bytes[from, to)`, as long as `part` says, behind `state`; the length of what is left in `rest`. */
  fold(state: number, bytes: Uint8Array, from: number, to: number): number {
    const memory = this.#memory;
    const folded = Math.floor((to - from - LONGEST) / STEP) * STEP;
    const length = to - from - folded;
    const end = BYTES_AT + folded;
    // Cheaper than `subarray` where the bytes are a `Buffer`.
    memory.set(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from), BYTES_AT);
    memory.copyWithin(REST_AT, end, end + length);
    for (let n = 0; n < 4; n++) memory[BYTES_AT + n] ^= state >>> (8 * n);
    // What is folded goes into the rest as well, and nothing of the rest into the rest.
    memory.fill(0, end, end + REST_MAX);
    this.#run(BYTES_AT, end, BYTES_AT);
    this.#run(end, end + LONGEST, REST_AT);
    return length;
  }
}

/** Shorter runs are not worth being copied. */
export const FOLD_MIN = 1024;

/** Types, sections and instructions of the binary format (WebAssembly Core Specification 2.0, chapter 5). */
const I32 = 0x7f;
const FUNCTION = 0x60;
const SECTION = { type: 1, function: 3, memory: 5, export: 7, code: 10 } as const;
const LOOP = [0x03, 0x40];
const END = [0x0b];
const LESS = [0x49];
const ADD = [0x6a];
const VECTOR_LOAD = [0xfd, 0x00];
const VECTOR_STORE = [0xfd, 0x0b];
const VECTOR_XOR = [0xfd, 0x51];
/** Parameters. */
const AT = 0;
const BEFORE = 1;
const OWN = 2;

function moduleBytes(): Uint8Array {
  const body = [...vector([]), ...code()];
  const name = (text: string): number[] => vector(Array.from(text, (letter) => [letter.charCodeAt(0)]));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, [[FUNCTION, ...vector([[I32], [I32], [I32]]), ...vector([])]]),
    ...section(SECTION.function, [[0]]),
    ...section(SECTION.memory, [[0, ...unsigned(Math.ceil((BYTES_AT + BYTES_MAX + BEHIND) / PAGE))]]),
    ...section(SECTION.export, [
      [...name('run'), 0, 0],
      [...name('memory'), 2, 0],
    ]),
    ...section(SECTION.code, [[...unsigned(body.length), ...body]]),
  ]);
}

function code(): number[] {
  const added = DISTANCES.flatMap((distance) => {
    const address = [...get(AT), ...constant(-distance), ...ADD];
    return [...address, ...VECTOR_LOAD, ...unaligned(), ...VECTOR_XOR];
  });
  const step = (local: number): number[] => [...get(local), ...constant(STEP), ...ADD];
  return [
    ...LOOP,
    ...[...get(OWN), ...get(OWN), ...VECTOR_LOAD, ...unaligned(), ...added, ...VECTOR_STORE, ...unaligned()],
    ...[...step(OWN), ...set(OWN)],
    ...[...step(AT), ...tee(AT), ...get(BEFORE), ...LESS, ...again(0)],
    ...END,
    ...END,
  ];
}

/** An address wherever it lies, and nothing added to it. */
function unaligned(): number[] {
  return [0, 0];
}

function get(local: number): number[] {
  return [0x20, local];
}

function set(local: number): number[] {
  return [0x21, local];
}

function tee(local: number): number[] {
  return [0x22, local];
}

function constant(value: number): number[] {
  return [0x41, ...signed(value)];
}

/** Goes round the loop so many outside of this one again, where the stack holds something. */
function again(depth: number): number[] {
  return [0x0d, depth];
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const body = vector(items);
  return [id, ...unsigned(body.length), ...body];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const last = value >= -0x40 && value < 0x40;
  return last ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
