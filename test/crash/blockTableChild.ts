import { writeSync } from 'node:fs';
import { Random } from '../fuzz/random.ts';
import { type Keeper, openTabled, VOLUME_BYTES } from './blockTableOptions.ts';

/** A process that writes, and learns checksums beside it, until it is killed. */
const [folder, keeper, seed] = process.argv.slice(2);
const random = new Random(Number(seed), 1);
const { scrub, table, write } = await openTabled(keeper as Keeper, folder);
// One entry at a time, as a receiver gives them; a medium takes many.
const atOnce = keeper === 'medium' ? 4 : 1;
const turn = async (): Promise<void> => {
  for (let n = 0; n < 3; n++) {
    const length = random.between(1, 40_000);
    const offset = random.below(VOLUME_BYTES - length);
    await write([{ offset, length, payload: [new Uint8Array(length).fill(random.below(256))] }]);
  }
};
for (;;) {
  const writers = Array.from({ length: atOnce }, turn);
  if (random.chance(2)) await Promise.all([scrub.whole(), ...writers]);
  else {
    await Promise.all(writers);
    await scrub.whole();
  }
  writeSync(1, `${table.current}\n`);
}
