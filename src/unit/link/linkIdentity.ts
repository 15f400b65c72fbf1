import { createHash, hash } from 'node:crypto';
import { LINK_HASHES, type LinkHash } from '../../../parsers/formats/linkGreeting.ts';

/** Hexadecimal digits of an epoch that tell whose it is: the first three groups of a UUID. */
const LINEAGE_DIGITS = 16;
const SAMPLE_BYTES = 4096;
const SAMPLES = 64;

let fastest: readonly LinkHash[] | undefined;

/**
 * The epoch of a process of this unit for this volume, made from a random UUID: it begins with what names both, so that the
 * unit's next process can tell from the far store's last entry whether another unit wrote there meanwhile.
 */
export function lineageEpoch(unit: string, volume: string, random: string): string {
  const digits = lineage(unit, volume) + random.toLowerCase().replaceAll('-', '').slice(LINEAGE_DIGITS);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function isLineage(unit: string, volume: string, epoch: string): boolean {
  return epoch.replaceAll('-', '').startsWith(lineage(unit, volume));
}

/** The hashes that blocks may be compared by, the one that is fastest on this machine first. `now` counts nanoseconds. */
export function fastestHashes(now: () => number): readonly LinkHash[] {
  if (fastest) return fastest;
  const sample = new Uint8Array(SAMPLE_BYTES).map((_, i) => i);
  const times = LINK_HASHES.map((kind) => {
    hash(kind, sample, 'buffer');
    const started = now();
    for (let n = 0; n < SAMPLES; n++) hash(kind, sample, 'buffer');
    return { kind, ns: now() - started };
  });
  fastest = times.sort((a, b) => a.ns - b.ns).map(({ kind }) => kind);
  return fastest;
}

/** Names of any length and alphabet, none of which may pass for another. */
function lineage(unit: string, volume: string): string {
  const names = JSON.stringify([unit, volume]);
  return createHash('sha256').update(names).digest('hex').slice(0, LINEAGE_DIGITS);
}
