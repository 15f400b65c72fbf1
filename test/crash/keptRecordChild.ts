import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { readBootId } from '../../hw/bootId.ts';
import { openRecordFile, type RecordFile } from '../../hw/recordFile.ts';
import { Extents } from '../../src/base/extents.ts';
import { Fault } from '../../src/base/fault.ts';
import type { RecordStorage } from '../../src/base/record.ts';
import { KeptRecord } from '../../src/record/kept.ts';
import { Marks } from '../../src/record/marks.ts';
import { Random } from '../fuzz/random.ts';
import { CHUNKS, crashOptions, KEPT_FILE } from './recordOptions.ts';

/** A real file on a disk that takes nothing at times. */
class FlakyFile implements RecordStorage {
  well = true;
  readonly #file: RecordFile;

  constructor(file: RecordFile) {
    this.#file = file;
  }

  writePage(index: number, bytes: Uint8Array): void {
    if (!this.well) throw new Fault('local', 'no space left');
    this.#file.writePage(index, bytes);
  }

  async sync(): Promise<void> {
    await this.#file.sync();
    if (!this.well && random.chance(3)) throw new Fault('local', 'input/output error');
  }

  empty(): void {
    this.#file.empty();
  }
}

/**
 * A process that marks and clears until it is killed, while its disk fails and recovers. It tells on standard output what
 * it has done, and before a clear what that may take away; a line is out before the next step begins. It kills itself where
 * `until` says so: in the moment in which the mark returned that `failed`, or so many steps after it is kept `again`.
 */
const [folder, seed, round, until, steps = '0'] = process.argv.slice(2);
const random = new Random(Number(seed), Number(round));
const { bytes, chunkBytes, hotBytes, lu, mirrorId, firstId } = crashOptions(folder);
const file = await openRecordFile(join(folder, KEPT_FILE));
const storage = new FlakyFile(file);
const keeping = { lu, mirrorId, firstId, bytes, chunkBytes, hotBytes };
const bootId = await readBootId();
const marks = await Marks.open(storage, file.stored, { ...keeping, looking: true, synced: false, bootId });
const tell = (line: string): void => void writeSync(1, `${line}\n`);
tell(`open ${marks.reset ?? 'believed'}`);
const failed = ({ message }: Fault): void => tell(`failed ${message}`);
let left = Number.POSITIVE_INFINITY;
const record = new KeptRecord(marks, failed, () => {
  tell('again');
  if (until === 'again') left = Number(steps);
});
let trying = false;

function mark(): void {
  const first = random.below(CHUNKS);
  const count = Math.min(random.between(1, 3), CHUNKS - first);
  const { broken } = record;
  record.mark(first * chunkBytes, count * chunkBytes);
  // A sync that ended meanwhile may have broken it before.
  if (until === 'failed' && !broken && record.broken) process.kill(process.pid, 'SIGKILL');
  tell(`mark ${first} ${first + count}`);
}

function clear(): void {
  const needed = new Extents();
  const first = random.below(CHUNKS);
  needed.add(first * chunkBytes, (first + random.between(1, CHUNKS)) * chunkBytes);
  const ticket = marks.candidates(needed, random.chance(4));
  const ranges = needed.toRanges().map(([at, length]) => `${at / chunkBytes} ${(at + length) / chunkBytes}`);
  tell(`clear ${ranges.join(' ')}`);
  try {
    marks.clear(ticket, needed);
  } catch {
    // A mark too many.
  }
}

function tryAgain(): void {
  trying = true;
  const ended = (): void => {
    trying = false;
  };
  record.keepAgain().then(ended, ended);
}

for (;;) {
  if (left-- <= 0) process.kill(process.pid, 'SIGKILL');
  const kind = random.below(24);
  if (kind < 14) mark();
  else if (kind < 18) clear();
  else if (kind === 18) storage.well = !random.chance(4);
  else if (kind === 19 && record.mayKeepAgain && !trying) tryAgain();
  else if (kind === 20) void record.settled(0, Number.MAX_SAFE_INTEGER);
  else await new Promise((resolve) => setImmediate(resolve));
}
