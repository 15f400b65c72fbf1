import { createHash } from 'node:crypto';
import { openTargetFile } from '../../../hw/targetFile.ts';
import { Serve } from './serve.ts';
import type { ServeAllow, ServeAuth } from './serveTypes.ts';

/** One file or block device, served by itself. */
export interface ImageOptions {
  path: string;
  /** File for what is kept over restarts. */
  state: string;
  /** `IP:PORT`. */
  listen: string[];
  name: string;
  lun: number;
  blockSize: number;
  physicalBlockSize?: number;
  thin: boolean;
  cache: boolean;
  readOnly: boolean;
  removable: boolean;
  serial?: string;
  auth?: ServeAuth;
  allow: ServeAllow;
  notice(text: string): void;
}

/** Bytes in the system's cache that begin a flush, and microseconds awake: see the README. */
export const SERVE_DEFAULTS = { dirtyBytes: 256 << 20, awakeUs: 50 } as const;

/** Serves it until it is closed. Rejects with a `Fault` that says what to mend. */
export async function openImage(image: ImageOptions): Promise<Serve<string>> {
  const {
    path,
    state,
    listen,
    name,
    lun,
    blockSize,
    physicalBlockSize,
    thin,
    cache,
    readOnly,
    removable,
    serial,
    auth,
    allow,
  } = image;
  return Serve.open<string>({
    options: {
      listen,
      targets: [
        {
          name,
          portals: [],
          allow,
          luns: [
            {
              lun,
              from: path,
              blockSize,
              ...(physicalBlockSize === undefined ? {} : { physicalBlockSize }),
              thin,
              cache,
              readOnly,
              removable,
              identity: serial === undefined ? {} : { serial },
            },
          ],
          ...(auth === undefined ? {} : { auth }),
        },
      ],
      limits: {},
      ...(auth === undefined ? {} : { discovery: auth }),
      ...SERVE_DEFAULTS,
    },
    open: async ({ from }) => ({
      medium: await openTargetFile(from, { writable: !readOnly, thin }),
      writable: !readOnly,
    }),
    // A medium that is only read may lie where nothing can be written.
    statePath: () => (readOnly ? undefined : state),
    nameless: ({ from }) => createHash('sha256').update(`${name} ${from}`).digest('hex'),
    notice: image.notice,
  });
}
