import { writeSync } from 'node:fs';
import { Extents } from '../../src/base/extents.ts';
import { openStoredRecord } from '../../src/unit/live/storedRecord.ts';
import { Random } from '../fuzz/random.ts';
import { CHUNKS, crashOptions } from './recordOptions.ts';

/**
 * A process that marks, clears, syncs and resizes until it is killed. It tells on standard output what it has done, and before a
 * clear what that may take away; a line is out before the next step begins.
 */
const [folder, seed, round] = process.argv.slice(2);
const random = new Random(Number(seed), Number(round));
const record = await openStoredRecord(crashOptions(folder));
const { chunkBytes } = record;
const tell = (line: string): void => void writeSync(1, `${line}\n`);
tell(`open ${record.reset ?? 'believed'} ${record.damagedBytes}`);

for (;;) {
  const kind = random.below(20);
  if (kind < 14) {
    // Mostly within one region, so that hot chunks are met; at times near the end of a page of the file.
    const first = random.chance(3) ? random.below(CHUNKS) : random.below(40);
    const count = Math.min(random.chance(50) ? random.between(1, 600) : random.between(1, 3), CHUNKS - first);
    if (kind < 12) record.mark(first * chunkBytes, count * chunkBytes);
    else {
      record.hold(first * chunkBytes, count * chunkBytes);
      record.write();
    }
    tell(`mark ${first} ${first + count}`);
  } else if (kind < 19) {
    const needed = new Extents();
    for (let i = random.below(3); i > 0; i--) {
      const first = random.below(CHUNKS);
      needed.add(first * chunkBytes, (first + random.between(1, 2000)) * chunkBytes);
    }
    const ticket = record.candidates(needed, random.chance(4));
    tell(
      `clear ${needed
        .toRanges()
        .map(([start, length]) => `${start / chunkBytes} ${(start + length) / chunkBytes}`)
        .join(' ')}`,
    );
    record.clear(ticket, needed);
  } else {
    await record.sync();
    tell('sync');
  }
}
