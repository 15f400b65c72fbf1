import { open, stat } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';

/** Larger than any configuration: what is above it is another file, named by mistake. */
const CONFIG_BYTES_MAX = 1 << 20;

/** A configuration's text, without a byte order mark. Rejects with a `Fault` that names the file. */
export async function readConfigText(path: string): Promise<string> {
  const bytes = await readBounded(path, CONFIG_BYTES_MAX, 'the configuration', 'give the path of a JSON or YAML file');
  if (bytes.length > CONFIG_BYTES_MAX) {
    throw new Fault(
      'local',
      `${path} is longer than ${CONFIG_BYTES_MAX} bytes and no configuration`,
      'name a JSON or YAML file',
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault('local', `${path} is not UTF-8 text`, 'name a JSON or YAML file, saved as UTF-8', { cause });
  }
}

/** Longer than any CHAP secret (RFC 7143 section 12.1.3 asks for at least 256 binary bytes to be taken; hexadecimal doubles them). */
const SECRET_BYTES_MAX = 1024;

/**
 * The one line of a secret's file, without its end. `open` when every user of the machine may read it. Rejects with a
 * `Fault` that names the file and never shows what is in it.
 */
export async function readSecretFile(path: string): Promise<{ secret: string; open: boolean }> {
  const bytes = await readBounded(path, SECRET_BYTES_MAX, 'the secret', 'write it into a file of one line');
  const text = new TextDecoder('utf-8').decode(bytes).replace(/\r?\n$/, '');
  const mend = 'write the secret alone into it, on one line';
  if (text === '') throw new Fault('local', `the secret ${path} is empty`, mend);
  if (bytes.length > SECRET_BYTES_MAX || /[\p{Cc}\uFFFD]/u.test(text)) {
    throw new Fault('local', `the secret ${path} is not one line of at most ${SECRET_BYTES_MAX} bytes of text`, mend);
  }
  return { secret: text, open: await isOpenToAll(path) };
}

/** Longer than any chain of certificates that people use. */
const PEM_BYTES_MAX = 1 << 20;

/**
 * The text of a file of certificates or of a private key (RFC 7468). `open` when every user of the machine may read it.
 * Rejects with a `Fault` that names the file and never shows what is in it.
 */
export async function readPemFile(path: string): Promise<{ text: string; open: boolean }> {
  const bytes = await readBounded(path, PEM_BYTES_MAX, 'the file', 'make it with `tapmirror keys`, or name another');
  if (bytes.length > PEM_BYTES_MAX) {
    throw new Fault('local', `${path} is longer than ${PEM_BYTES_MAX} bytes and no PEM file`, 'name another file');
  }
  return { text: new TextDecoder('latin1').decode(bytes), open: await isOpenToAll(path) };
}

const S_IROTH = 0o4;

/** Whether every user of this machine may read the file; false for one that is gone, such as a pipe that was read. */
export async function isOpenToAll(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & S_IROTH) !== 0;
  } catch {
    return false;
  }
}

async function readBounded(path: string, max: number, what: string, missing: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array(max + 1);
      let length = 0;
      while (length < bytes.length) {
        // No position: a configuration may come through a pipe.
        const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return bytes.subarray(0, length);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const [problem, mend] = words((cause as NodeJS.ErrnoException).code, String((cause as Error).message));
    throw new Fault('local', `${what} ${path} ${problem}`, mend ?? missing, { cause });
  }
}

function words(code: string | undefined, message: string): [problem: string, mend: string | undefined] {
  if (code === 'ENOENT' || code === 'ENOTDIR') return ['does not exist', undefined];
  if (code === 'EISDIR') return ['is a folder', undefined];
  if (code === 'EACCES' || code === 'EPERM') return ['may not be read', 'check its permissions'];
  return [`cannot be read: ${message}`, 'check the file and its disk'];
}
