import { openSync } from 'node:fs';
import { FileWriter } from '../../../hw/fileWriter.ts';

/**
 * `node writerChild.js PATH MODE`: a process with a writing thread. `idle`: it has nothing to do. `busy`: a batch is with it
 * when nothing else is left to do.
 */
const [path, mode] = process.argv.slice(2);
const fd = openSync(path, 'r+');
const writer = FileWriter.start((error) => {
  throw error;
});
if (writer === undefined) throw new Error('no thread');
while (!writer.ready) await new Promise(setImmediate);
if (mode === 'busy') {
  const bytes = new Uint8Array(1 << 20).fill(7);
  writer.write(fd, [{ offset: 0, length: bytes.length, payload: [bytes] }], bytes.length, (failure) =>
    process.stdout.write(failure === undefined ? 'written' : 'failed'),
  );
}
