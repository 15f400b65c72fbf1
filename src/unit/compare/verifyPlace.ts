import type { KeptPlace } from '../../../hw/jobsFile.ts';
import { Extents } from '../../base/extents.ts';
import type { MirrorVerdict, VerifyPlace } from './verifyTypes.ts';

/** A place as it was kept; undefined where it cannot be believed: then everything is compared. */
export function readPlace(kept: KeptPlace | undefined): VerifyPlace | undefined {
  if (kept === undefined || !kept.ended.every(isVerdict)) return undefined;
  return { ...kept, ended: kept.ended };
}

/** What is still to be compared of this mirror; undefined: all of it. */
export function restOf(place: VerifyPlace | undefined, to: string, bytes: number): Extents | undefined {
  if (place?.to !== to || place.bytes !== bytes) return undefined;
  const rest = new Extents();
  for (const [offset, length] of place.rest) rest.add(offset, offset + length);
  return rest;
}

function isVerdict(value: unknown): value is MirrorVerdict {
  const one = value as Partial<MirrorVerdict> | null;
  return (
    typeof one?.to === 'string' &&
    typeof one.repairing === 'boolean' &&
    [one.comparedBytes, one.differingBytes, one.uncomparedBytes].every(Number.isSafeInteger) &&
    Array.isArray(one.differing)
  );
}
