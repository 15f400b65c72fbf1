import { readFile } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';

/** Sectors in which Linux counts, whatever the device's own block is. */
const SECTOR_BYTES = 512;

/** Bytes of the block device with this `st_rdev`. Node has no lseek and no ioctl: Linux tells it in sysfs. */
export async function blockDeviceBytes(path: string, rdev: bigint): Promise<number> {
  const { major, minor } = deviceNumbers(rdev);
  const told = `/sys/dev/block/${major}:${minor}/size`;
  let sectors: number;
  try {
    sectors = Number((await readFile(told, 'latin1')).trim());
  } catch (cause) {
    throw new Fault('local', `the size of ${path} cannot be read from ${told}`, 'mount sysfs at /sys', { cause });
  }
  const bytes = sectors * SECTOR_BYTES;
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Fault('local', `${told} does not hold a size`);
  return bytes;
}

/** Major and minor number of a Linux `dev_t`. */
export function deviceNumbers(rdev: bigint): { major: number; minor: number } {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
