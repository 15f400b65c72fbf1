import { Fault } from '../base/fault.ts';
import type { VolumeIdentity } from '../base/volume.ts';

/** A mirror's name as the operator gave it (`file:/path`), and what kind of medium it is. */
export interface MirrorName {
  readonly to: string;
  readonly medium: VolumeIdentity['kind'];
}

/** The mirror holds `size` bytes where `needed` were needed; `why` says what needed them. */
export function tooSmall(name: MirrorName, size: number, needed: number, why: string): Fault {
  const mend =
    name.medium === 'file'
      ? `make it as long as the volume before the mirror starts: truncate -s ${needed} ${pathOf(name.to)}`
      : `give the mirror a device of at least ${needed} bytes`;
  return new Fault('local', `mirror ${name.to} is too small: it holds ${size} bytes, ${why} ${needed}`, mend);
}

/** The volume grew, and the mirror did not follow. */
export function cannotGrow(name: MirrorName, size: number, needed: number, cause: Fault): Fault {
  const mend = cause.mend ?? `give the mirror at least ${needed} bytes; it goes on by itself when it has them`;
  const what = `mirror ${name.to} is paused: the volume grew to ${needed} bytes and the mirror holds ${size}`;
  return new Fault('local', `${what} (${cause.message})`, mend, { cause });
}

function pathOf(to: string): string {
  const path = to.startsWith('file:') ? to.slice('file:'.length) : to;
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
