import { readPemFile } from '../../../hw/configFile.ts';
import { Fault } from '../../base/fault.ts';
import type { Placed } from './configCheck.ts';
import { type Mistake, quoted } from './configTree.ts';
import type { TlsConfig } from './configTypes.ts';

/** A unit's name as `tapmirror keys` takes it, and a key of at least 256 bits (RFC 9257 section 6 wants it unguessable). */
const LINE = /^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?):((?:[0-9A-Fa-f]{2}){32,256})$/;
const MAKE = "write lines NAME:KEY, the unit's own first, each KEY made by `openssl rand -hex 32`";

/** Reads the keys that units share. A line that is wrong is told by its number: what stands in it is a secret. */
export async function readPsk(
  { value, at: place, where }: Placed<string>,
  at: (path: string) => string,
  book: Mistake[],
): Promise<{ tls: TlsConfig; warnings: string[] }> {
  const path = at(value);
  const wrong = (what: string, mend: string = MAKE): void => void book.push({ at: place, where, wrong: what, mend });
  const keys: { name: string; key: Uint8Array }[] = [];
  const warnings: string[] = [];
  try {
    const { text, open } = await readPemFile(path);
    if (open) {
      warnings.push(`every user of this machine may read the keys in ${path}; run: chmod o-r ${quoted(path)}`);
    }
    for (const [n, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const found = LINE.exec(line.trim());
      if (!found) wrong(`line ${n + 1} of ${value} is not a unit's name and key`);
      else if (keys.some(({ name }) => name === found[1])) wrong(`${value} has two keys of unit ${found[1]}`);
      else keys.push({ name: found[1], key: Buffer.from(found[2], 'hex') });
    }
    if (keys.length === 0) wrong(`there is no key in ${value}`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    wrong(error.message, error.mend);
  }
  return { tls: { psk: keys }, warnings };
}
