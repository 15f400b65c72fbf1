/** What the system writes past its cache begins and ends at such places, in a file and in memory. */
export const DIRECT_BLOCK = 4096;

/** Memory for one call: long enough to be cheap, and most of it is still in the processor's cache when it is written. */
const STAGE_BYTES: number = 1024 * 1024;
/** Of this process at once; who finds none free writes through the cache. */
const STAGES = 8;
const PAGE = 65536;

/** What this needs of the global of that name, which the language's own types leave out. */
interface WebAssemblyApi {
  Memory: new (size: { initial: number }) => { buffer: ArrayBuffer };
}

let free: Uint8Array[] | undefined;

/** Lends memory that begins at a page's border; undefined where there is none. To be given back. */
export function takeStage(): Uint8Array | undefined {
  free ??= makeStages();
  return free.pop();
}

export function giveStage(stage: Uint8Array): void {
  free?.push(stage);
}

/** Memory of WebAssembly is mapped by itself, so its pages are whole ones; a `Buffer` may begin anywhere. */
function makeStages(): Uint8Array[] {
  try {
    const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    const { buffer } = new Memory({ initial: (STAGES * STAGE_BYTES) / PAGE });
    return Array.from({ length: STAGES }, (_, n) => new Uint8Array(buffer, n * STAGE_BYTES, STAGE_BYTES));
  } catch {
    return [];
  }
}
