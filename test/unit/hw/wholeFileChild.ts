import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { replaceDurably } from '../../../hw/wholeFile.ts';

/** Contents of several pages that tell which they are, and whether they are whole. */
export function contentsOf(turn: number): string {
  return `${turn} `.repeat(5000);
}

/** `node wholeFileChild.js PATH`: replaces the file until it is killed, and tells each time that it has. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2];
  for (let turn = 1; ; turn++) {
    await replaceDurably(path, contentsOf(turn));
    writeSync(1, `${turn}\n`);
  }
}
