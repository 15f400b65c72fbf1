import { open } from 'node:fs/promises';
import { lockFile } from '../../../hw/lock.ts';

/** A process of its own that holds the lock of the file it is given, says so, and goes on until it is killed. */
const [path] = process.argv.slice(2);
const handle = await open(path, 'r+');
await lockFile(handle.fd, path);
process.stdout.write('locked\n');
setInterval(() => handle.fd, 1000);
