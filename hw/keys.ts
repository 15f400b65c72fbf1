import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type FileHandle, open, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { makeAuthority, makeUnit, type Pair, type Validity } from './keysCertificates.ts';
import { makePrivateFolder } from './privateFolder.ts';

/** A certificate and its key that were made: where they lie, and until when they are good. */
export interface MadeKeys {
  cert: string;
  key: string;
  to: Date;
  /** The certificate ends with its authority's, before the days that were asked for. */
  cut: boolean;
}

const DAY_MS = 86_400_000;
/** Clocks of units differ: a certificate is good from a little before it was made. */
const BEFORE_MS = 3_600_000;
const CERT_MODE = 0o644;
const KEY_MODE = 0o600;
/** Of a name of a unit: it is a file's name and a host's label alike. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/**
 * Makes an authority: `ca.crt` and `ca.key` in a folder, which is made (mode 0700) where it is missing. Rejects with a `Fault`
 * where one of them is there already.
 */
export async function initKeys(folder: string, days: number, nowMs: number): Promise<MadeKeys> {
  await makeFolder(folder);
  const paths = pathsOf(folder, 'ca');
  await refuseThere(paths);
  const validity = validFor(days, nowMs);
  await writePair(paths, await makeAuthority(validity));
  return { ...paths, to: validity.to, cut: false };
}

/** Makes a unit's certificate and key, `NAME.crt` and `NAME.key`, in the folder of an authority. */
export async function unitKeys(folder: string, name: string, days: number, nowMs: number): Promise<MadeKeys> {
  if (!NAME.test(name) || name === 'ca') {
    const mend = 'write letters, digits, ".", "-" and "_", at most 63; "ca" is the authority itself';
    throw new Fault('local', `${JSON.stringify(name)} is not a name for a unit`, mend);
  }
  const authority = await readAuthority(folder, nowMs);
  const paths = pathsOf(folder, name);
  await refuseThere(paths);
  const asked = validFor(days, nowMs);
  const cut = asked.to > authority.to;
  const validity = cut ? { ...asked, to: authority.to } : asked;
  await writePair(paths, await makeUnit(name, validity, authority));
  return { ...paths, to: validity.to, cut };
}

function pathsOf(folder: string, name: string): { cert: string; key: string } {
  return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

function validFor(days: number, nowMs: number): Validity {
  // Certificates count whole seconds (RFC 5280 section 4.1.2.5).
  const second = Math.floor(nowMs / 1000) * 1000;
  return { from: new Date(second - BEFORE_MS), to: new Date(second + days * DAY_MS) };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await makePrivateFolder(folder);
  } catch (error) {
    throw fileFault(folder, 'cannot be made', error);
  }
}

async function readAuthority(folder: string, nowMs: number): Promise<Pair & { to: Date }> {
  const paths = pathsOf(folder, 'ca');
  const [cert, key] = await Promise.all([readText(paths.cert), readText(paths.key)]);
  const mend = 'name a folder in which `tapmirror keys init` made an authority';
  let read: X509Certificate;
  let fits: boolean;
  try {
    read = new X509Certificate(cert);
    fits = read.checkPrivateKey(createPrivateKey(key));
  } catch {
    // What the library says of a key may quote it.
    throw new Fault('local', `${paths.cert} and ${paths.key} are not a certificate and its key`, mend);
  }
  if (!fits) throw new Fault('local', `${paths.key} is not the key of ${paths.cert}`, mend);
  if (!read.ca) throw new Fault('local', `${paths.cert} is no authority's certificate`, mend);
  const to = new Date(read.validTo);
  if (to.getTime() <= nowMs) {
    const what = `the authority in ${folder} ended on ${to.toISOString().slice(0, 10)}`;
    throw new Fault('local', what, 'make another one in a new folder, and new certificates for all units');
  }
  return { cert, key, to };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    throw fileFault(path, 'cannot be read', error);
  }
}

async function refuseThere({ cert, key }: { cert: string; key: string }): Promise<void> {
  for (const path of [cert, key]) {
    const there = await stat(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false;
        throw fileFault(path, 'cannot be looked at', error);
      },
    );
    if (there) throw alreadyThere(path);
  }
}

function alreadyThere(path: string): Fault {
  return new Fault('local', `${path} is there already and is not overwritten`, 'choose another name or folder');
}

/** Both or none: a certificate without its key is good for nothing. */
async function writePair({ cert, key }: { cert: string; key: string }, pair: Pair): Promise<void> {
  await writeNew(key, pair.key, KEY_MODE);
  try {
    await writeNew(cert, pair.cert, CERT_MODE);
  } catch (error) {
    await unlink(key);
    throw error;
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'wx', mode);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    // What this call has made, and could not fill, is not left behind.
    if (file !== undefined) await unlink(path).catch(() => {});
    throw fileFault(path, 'cannot be written', error);
  } finally {
    await file?.close();
  }
}

const MENDS: Readonly<Record<string, string>> = {
  ENOENT: 'make an authority first: `tapmirror keys init FOLDER`',
  ENOTDIR: 'name a folder',
  EACCES: 'use a folder of this user',
  EPERM: 'use a folder of this user',
  EROFS: 'use a folder on another file system',
  ENOSPC: 'free some space there',
};

function fileFault(path: string, what: string, error: unknown): Fault {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST') return alreadyThere(path);
  const why = code === 'ENOENT' ? 'it does not exist' : message;
  return new Fault('local', `${path} ${what}: ${why}`, MENDS[code] ?? 'check the path', { cause: error });
}
