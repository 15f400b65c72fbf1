import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { LinkCompression } from '../parsers/formats/linkGreeting.ts';
import { Fault } from '../src/base/fault.ts';

type Async = (bytes: Uint8Array, options: object) => Promise<Uint8Array>;

interface Method {
  compress: (bytes: Uint8Array) => Promise<Uint8Array>;
  expand: (bytes: Uint8Array, most: number) => Promise<Uint8Array>;
}

const { BROTLI_PARAM_LGWIN, BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
/** The window of a frame's size, and the quality that keeps up with a gigabit. */
const BROTLI_WINDOW = 18;
const BROTLI_QUALITY = 1;

const deflateRaw = promisify(zlib.deflateRaw) as Async;
const inflateRaw = promisify(zlib.inflateRaw) as Async;
const brotliCompress = promisify(zlib.brotliCompress) as Async;
const brotliDecompress = promisify(zlib.brotliDecompress) as Async;

const METHODS: Partial<Record<LinkCompression, Method>> = {
  deflate: {
    compress: (bytes) => deflateRaw(bytes, { level: 1 }),
    expand: (bytes, most) => inflateRaw(bytes, { maxOutputLength: most }),
  },
  brotli: {
    compress: (bytes) => {
      const params = {
        [BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [BROTLI_PARAM_LGWIN]: BROTLI_WINDOW,
        [BROTLI_PARAM_SIZE_HINT]: bytes.length,
      };
      return brotliCompress(bytes, { params });
    },
    expand: (bytes, most) => brotliDecompress(bytes, { maxOutputLength: most }),
  },
  ...zstdMethod(),
};

/** What this version of Node can do, the best first. */
export const LINK_COMPRESSIONS: readonly LinkCompression[] = (['zstd', 'brotli', 'deflate'] as const).filter(
  (one) => METHODS[one] !== undefined,
);

/** In a thread of Node's pool: the event loop goes on. */
export function compressBody(method: LinkCompression, bytes: Uint8Array): Promise<Uint8Array> {
  return methodOf(method).compress(bytes);
}

/** Rejects with a `Fault` where the bytes are no such thing, or would become more than `most`. */
export async function expandBody(method: LinkCompression, bytes: Uint8Array, most: number): Promise<Uint8Array> {
  try {
    return await methodOf(method).expand(bytes, most);
  } catch (cause) {
    throw new Fault('peer', `a compressed frame (${method}) cannot be expanded`, undefined, { cause });
  }
}

function methodOf(method: LinkCompression): Method {
  const found = METHODS[method];
  if (!found) throw new Fault('peer', `frames compressed by ${method} are not understood here`);
  return found;
}

/** Node has zstd from 22.15 and 23.8 on; its types know of it later. */
function zstdMethod(): { zstd?: Method } {
  const { zstdCompress, zstdDecompress } = zlib as unknown as Record<
    string,
    Parameters<typeof promisify>[0] | undefined
  >;
  if (!zstdCompress || !zstdDecompress) return {};
  const compress = promisify(zstdCompress) as unknown as Async;
  const expand = promisify(zstdDecompress) as unknown as Async;
  return {
    zstd: {
      compress: (bytes) => compress(bytes, {}),
      expand: (bytes, most) => expand(bytes, { maxOutputLength: most }),
    },
  };
}
