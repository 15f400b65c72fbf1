import { readFile } from 'node:fs/promises';

const TOLD = '/proc/sys/kernel/random/boot_id';

/** The UUID of this boot of the machine, 16 bytes; undefined where the kernel does not tell it. */
export async function readBootId(): Promise<Uint8Array | undefined> {
  const text = await readFile(TOLD, 'latin1').catch(() => '');
  const digits = text.trim().replaceAll('-', '');
  return /^[0-9a-f]{32}$/i.test(digits) && /[^0]/.test(digits) ? new Uint8Array(Buffer.from(digits, 'hex')) : undefined;
}
