import { Fault } from '../src/base/fault.ts';

/** What the system said, in words; its own code is kept for those who look it up. */
const WORDS: Readonly<Record<string, readonly [what: string, mend: string]>> = {
  ENOENT: ['does not exist', 'create it as long as the volume, for example: truncate -s 10G PATH'],
  ENOTDIR: ['has a part in its path that is not a directory', 'correct the path'],
  EISDIR: ['is a directory', 'name a file or a block device'],
  EACCES: ['may not be opened by this user', 'give this user the right to it, or run as one who has it'],
  EPERM: ['may not be changed by this user', 'give this user the right to it (and see lsattr for an immutable file)'],
  EROFS: ['lies on a read-only file system', 'remount it writable, or name another file'],
  EBUSY: ['is in use: mounted, or held by another program', 'unmount or release it first'],
  ELOOP: ['is a loop of symbolic links', 'correct the link'],
  ENOSPC: ['has no space left on its file system', 'free some space there, then mirror again'],
  EDQUOT: ['is stopped by the disk quota', 'raise the quota or free some space, then mirror again'],
  EFBIG: [
    'would become longer than its file system or the limit of this process allows',
    'raise the limit (ulimit -f)',
  ],
  EIO: ['was refused by the medium (input/output error)', 'look at the kernel log (dmesg) and replace the medium'],
  ENXIO: ['has no device behind it', 'attach the device, or name another'],
  EMFILE: ['cannot be opened: too many files are open', 'raise the limit (ulimit -n)'],
  ENODEV: ['has no device behind it', 'attach the device, or name another'],
};

/** An error of the system about `path` as a `Fault`; `doing` says at what, for example `writing 512 bytes at 0`. */
export function fileFault(path: string, doing: string, error: NodeJS.ErrnoException): Fault {
  const code = error.code ?? 'unknown error';
  const [what, mend] = WORDS[code] ?? [error.message, undefined];
  const message = `${path} ${what} (${doing}: ${code})`;
  return new Fault('local', message, mend?.replace('PATH', path), { cause: error });
}
