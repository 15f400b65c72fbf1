import { open } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';

/** Larger than any configuration: what is above it is another file, named by mistake. */
const CONFIG_BYTES_MAX = 1 << 20;

/** A configuration's text, without a byte order mark. Rejects with a `Fault` that names the file. */
export async function readConfigText(path: string): Promise<string> {
  const bytes = await readBounded(path);
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

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array(CONFIG_BYTES_MAX + 1);
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
    const [what, mend] = words((cause as NodeJS.ErrnoException).code, String((cause as Error).message));
    throw new Fault('local', `the configuration ${path} ${what}`, mend, { cause });
  }
}

function words(code: string | undefined, message: string): [what: string, mend: string] {
  if (code === 'ENOENT' || code === 'ENOTDIR') return ['does not exist', 'give the path of a JSON or YAML file'];
  if (code === 'EISDIR') return ['is a folder', 'give the path of a JSON or YAML file'];
  if (code === 'EACCES' || code === 'EPERM') return ['may not be read', 'check its permissions'];
  return [`cannot be read: ${message}`, 'check the file and its disk'];
}
