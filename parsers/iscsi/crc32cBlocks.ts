/**
 * CRC-32C of long runs in WebAssembly: two lanes of a block side by side, as one waits for its tables while the other
 * computes; half as fast again as the same tables read from JavaScript. The module is put together here, instruction by
 * instruction: it is one function.
 */
const LANE = 4096;
/** Bytes of a block. */
export const CRC_BLOCK: number = 2 * LANE;
const STEP = 16;
const TABLE_BYTES = 1024;
/** Where things lie in the module's memory: 16 tables of the CRC, 4 that shift one by a lane, the bytes. */
const SHIFT_AT: number = 16 * TABLE_BYTES;
const PAGE = 65536;
const BYTES_AT: number = PAGE;
const BYTES_MAX: number = PAGE;

/** What this needs of the global of that name, which the language's own types leave out. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { run: Run; memory: { buffer: ArrayBuffer } } };
}
/** Continues `state` over `blocks` blocks that lie at `at`. */
type Run = (state: number, at: number, blocks: number) => number;

export class CrcBlocks {
  readonly #run: Run;
  readonly #memory: Uint8Array;

  /** `tables`: those of `crc32c.ts`, sixteen of 256 entries. */
  constructor(tables: Int32Array) {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { run, memory } = new Instance(new Module(moduleBytes())).exports;
    this.#run = run;
    this.#memory = new Uint8Array(memory.buffer);
    const words = new Int32Array(memory.buffer);
    words.set(tables, 0);
    words.set(shiftTables(tables), SHIFT_AT / 4);
  }

  /** Continues `state` over `blocks` blocks of `bytes` from `from` on. */
  update(state: number, bytes: Uint8Array, from: number, blocks: number): number {
    let s = state;
    let at = from;
    const end = from + blocks * CRC_BLOCK;
    while (at < end) {
      const part = Math.min(BYTES_MAX, end - at);
      this.#memory.set(bytes.subarray(at, at + part), BYTES_AT);
      s = this.#run(s, BYTES_AT, part / CRC_BLOCK);
      at += part;
    }
    return s;
  }
}

/** What a state becomes over a lane of zeros, byte by byte of the state: it is linear. */
function shiftTables(tables: Int32Array): Int32Array {
  const zeros = (state: number): number => {
    let s = state;
    for (let n = 0; n < LANE; n++) s = tables[s & 0xff] ^ (s >>> 8);
    return s;
  };
  const bits = Array.from({ length: 32 }, (_, bit) => zeros(1 << bit));
  const shift = new Int32Array(4 * 256);
  for (let byte = 0; byte < 4; byte++) {
    for (let value = 0; value < 256; value++) {
      let s = 0;
      for (let bit = 0; bit < 8; bit++) if ((value >> bit) & 1) s ^= bits[8 * byte + bit];
      shift[256 * byte + value] = s;
    }
  }
  return shift;
}

/** Types, sections and instructions of the binary format (WebAssembly Core Specification 1.0, chapter 5). */
const I32 = 0x7f;
const FUNCTION = 0x60;
const SECTION = { type: 1, function: 3, memory: 5, export: 7, code: 10 } as const;
const LOOP = [0x03, 0x40];
const END = [0x0b];
const LESS = [0x49];
const ADD = [0x6a];
const AND = [0x71];
const XOR = [0x73];
const SHL = [0x74];
const SHR = [0x76];

/** Parameters and locals: the first lane's state, the place, blocks left; the second lane's state, the first lane's end. */
const STATE = 0;
const AT = 1;
const BLOCKS = 2;
const SECOND = 3;
const LANE_END = 4;
/** Four words of each lane. */
const WORDS = 5;
const LOCALS = 10;

function moduleBytes(): Uint8Array {
  const body = [...vector([[...unsigned(LOCALS), I32]]), ...code()];
  const name = (text: string): number[] => vector(Array.from(text, (letter) => [letter.charCodeAt(0)]));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, [[FUNCTION, ...vector([[I32], [I32], [I32]]), ...vector([[I32]])]]),
    ...section(SECTION.function, [[0]]),
    ...section(SECTION.memory, [[0, ...unsigned((BYTES_AT + BYTES_MAX) / PAGE)]]),
    ...section(SECTION.export, [
      [...name('run'), 0, 0],
      [...name('memory'), 2, 0],
    ]),
    ...section(SECTION.code, [[...unsigned(body.length), ...body]]),
  ]);
}

function code(): number[] {
  const step = [...words(STATE, 0), ...words(SECOND, 1), ...tableLookups(STATE, 0), ...tableLookups(SECOND, 1)];
  const combine = [0, 1, 2, 3].flatMap((byte) => lookup(STATE, byte, SHIFT_AT + byte * TABLE_BYTES, byte > 0));
  return [
    ...LOOP,
    ...[...constant(0), ...set(SECOND)],
    ...[...get(AT), ...constant(LANE), ...ADD, ...set(LANE_END)],
    ...LOOP,
    ...step,
    ...[...get(AT), ...constant(STEP), ...ADD, ...tee(AT), ...get(LANE_END), ...LESS, ...again(0)],
    ...END,
    ...[...combine, ...get(SECOND), ...XOR, ...set(STATE)],
    ...[...get(AT), ...constant(LANE), ...ADD, ...set(AT)],
    ...[...get(BLOCKS), ...constant(-1), ...ADD, ...tee(BLOCKS), ...again(0)],
    ...END,
    ...get(STATE),
    ...END,
  ];
}

/** Loads a lane's next four words, the state in the first. */
function words(state: number, lane: number): number[] {
  return [0, 1, 2, 3].flatMap((n) => {
    const word = [...get(AT), ...load(lane * LANE + 4 * n)];
    return [...word, ...(n === 0 ? [...get(state), ...XOR] : []), ...set(WORDS + 4 * lane + n)];
  });
}

/** Sixteen bytes, a table for each. */
function tableLookups(state: number, lane: number): number[] {
  const found = Array.from({ length: STEP }, (_, n) =>
    lookup(WORDS + 4 * lane + (n >> 2), n & 3, (STEP - 1 - n) * TABLE_BYTES, n > 0),
  );
  return [...found.flat(), ...set(state)];
}

/** The entry of the table at `table` for one byte of a word; added to what stands on the stack. */
function lookup(word: number, byte: number, table: number, more: boolean): number[] {
  const low = [...get(word), ...constant(0xff), ...AND, ...constant(2), ...SHL];
  const higher = [...get(word), ...constant(8 * byte - 2), ...SHR, ...constant(0x3fc), ...AND];
  return [...(byte === 0 ? low : higher), ...load(table), ...(more ? XOR : [])];
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

/** A word at the address on the stack and `offset`, wherever that lies. */
function load(offset: number): number[] {
  return [0x28, 0, ...unsigned(offset)];
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
