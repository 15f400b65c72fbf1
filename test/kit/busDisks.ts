import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A disk of a trace with ground truth. */
export interface Disk {
  volume: string;
  before: Buffer;
  after: Buffer;
}

/** The disks of a trace as its sidecar has them: before it, and after. */
export function disksOf(folder: string, name: string): Disk[] {
  const side = JSON.parse(readFileSync(join(folder, `${name}.truth.json`), 'utf8')) as {
    luns: { target: number; lun: number; volume: string; size: number; block_size: number; before: string }[];
  };
  const changed = gunzipSync(readFileSync(join(folder, `${name}.after.gz`)));
  return side.luns.map(({ target, lun, volume, size, block_size: block, before: seed }) => {
    const before = Buffer.alloc(size);
    for (let k = 0; seed !== 'zeros' && k * 32 < size; k++) {
      createHash('sha256')
        .update(`${seed}:${k}`)
        .digest()
        .copy(before, k * 32);
    }
    const after = Buffer.from(before);
    for (let at = 0; at < changed.length; at += 6 + block) {
      if (changed[at] !== target || changed[at + 1] !== lun) continue;
      changed.copy(after, changed.readUInt32LE(at + 2) * block, at + 6, at + 6 + block);
    }
    return { volume, before, after };
  });
}
