/**
 * Functions in WebAssembly, put together instruction by instruction (WebAssembly Core Specification 2.0, chapter 5: the binary
 * format): a loop over vectors runs several times as fast as one over numbers, and it is a few dozen bytes.
 */

/** Bytes of a page of memory. */
export const WASM_PAGE = 65536;

export interface WasmFunction {
  /** Parameters, all of them 32-bit integers. */
  params: number;
  /** Whether it gives back a 32-bit integer, as JavaScript has it: with a sign. */
  result: boolean;
  /** Vectors of 128 bits, numbered behind the parameters; zeros at first. */
  vectors: number;
  memoryBytes: number;
  code: readonly number[];
}

export interface WasmInstance<Run> {
  run: Run;
  memory: Uint8Array<ArrayBuffer>;
}

/** What this needs of the global of that name, which the language's own types leave out. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: { run: unknown; memory: { buffer: ArrayBuffer } } };
}

/** An instance of its own, with memory of its own; undefined where this machine cannot: it has no vectors. */
export function wasmInstance<Run>(of: WasmFunction): WasmInstance<Run> | undefined {
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { run, memory } = new Instance(new Module(moduleBytes(of))).exports;
    return { run: run as Run, memory: new Uint8Array(memory.buffer) };
  } catch {
    return undefined;
  }
}

const I32 = 0x7f;
const V128 = 0x7b;
const FUNCTION = 0x60;
const SECTION = { type: 1, function: 3, memory: 5, export: 7, code: 10 } as const;

/** Instructions without an operand. */
const LOOP: readonly number[] = [0x03, 0x40];
/** Goes round the innermost loop again, where the stack holds something. */
const AGAIN: readonly number[] = [0x0d, 0];
const END: readonly number[] = [0x0b];
const LESS: readonly number[] = [0x49];
export const ADD: readonly number[] = [0x6a];
export const VECTOR_XOR: readonly number[] = [0xfd, 0x51];
/** Adds four 32-bit integers to four. */
export const VECTOR_ADD: readonly number[] = [0xfd, 0xae, 0x01];
/** Adds each two neighbours of eight 16-bit integers without a sign, to four of 32 bits. */
export const VECTOR_ADD_PAIRS: readonly number[] = [0xfd, 0x7f];
export const VECTOR_STORE: readonly number[] = [0xfd, 0x0b, 0, 0];

/** The vector at the address on the stack, `behind` bytes further; it may lie anywhere. */
export function vectorLoad(behind = 0): number[] {
  return [0xfd, 0x00, 0, ...unsigned(behind)];
}

/** One of the vector's four 32-bit integers. */
export function vectorLane(lane: number): number[] {
  return [0xfd, 0x1b, lane];
}

export function get(local: number): number[] {
  return [0x20, local];
}

export function set(local: number): number[] {
  return [0x21, local];
}

export function constant(value: number): number[] {
  return [0x41, ...signed(value)];
}

/** Does `body` at least once, and again for as long as the local `at`, which goes on by `step` each time, is below `before`. */
export function stepping(at: number, before: number, step: number, body: readonly number[]): number[] {
  const next = [...get(at), ...constant(step), ...ADD, ...tee(at)];
  return [...LOOP, ...body, ...next, ...get(before), ...LESS, ...AGAIN, ...END];
}

function tee(local: number): number[] {
  return [0x22, local];
}

function moduleBytes({ params, result, vectors, memoryBytes, code }: WasmFunction): Uint8Array {
  const ints = (count: number): number[] => vector(Array.from({ length: count }, () => [I32]));
  const locals = vectors === 0 ? [] : [[...unsigned(vectors), V128]];
  const body = [...vector(locals), ...code, ...END];
  const name = (text: string): number[] => vector(Array.from(text, (letter) => [letter.charCodeAt(0)]));
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(SECTION.type, [[FUNCTION, ...ints(params), ...ints(result ? 1 : 0)]]),
    ...section(SECTION.function, [[0]]),
    ...section(SECTION.memory, [[0, ...unsigned(Math.ceil(memoryBytes / WASM_PAGE))]]),
    ...section(SECTION.export, [
      [...name('run'), 0, 0],
      [...name('memory'), 2, 0],
    ]),
    ...section(SECTION.code, [[...unsigned(body.length), ...body]]),
  ]);
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
