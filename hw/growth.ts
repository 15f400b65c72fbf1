import { fstat } from 'node:fs';
import { blockDeviceBytes } from './blockDevice.ts';
import type { Medium } from './files.ts';

/** Nobody tells a process that a file or a device that it has open grew; an operator who made it longer waits this long. */
export const LOOK_MS = 1000;

/**
 * Tells that a file or block device has become longer, within `everyMs`, until it is stopped. A shorter one is not told: what
 * is missing then is told by those who read it. Looks that fail are repeated.
 */
export function watchGrowth(
  open: { path: string; fd: number; medium: Pick<Medium, 'kind' | 'bytes' | 'rdev'> },
  grew: (bytes: number) => void,
  everyMs: number = LOOK_MS,
): () => void {
  const { path, fd, medium } = open;
  let known = medium.bytes;
  let stopped = false;
  const look = async (): Promise<void> => {
    const bytes = medium.kind === 'block' ? await blockDeviceBytes(path, medium.rdev) : await fileBytes(fd);
    if (stopped || bytes <= known || !Number.isSafeInteger(bytes)) return;
    known = bytes;
    grew(bytes);
  };
  const again = (): void => {
    if (!stopped)
      timer = setTimeout(
        () =>
          void look()
            .catch(() => {})
            .finally(again),
        everyMs,
      ).unref();
  };
  let timer: NodeJS.Timeout | undefined;
  again();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function fileBytes(fd: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fstat(fd, (error, status) => (error ? reject(error) : resolve(status.size)));
  });
}
