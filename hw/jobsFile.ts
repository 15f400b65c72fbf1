import { join } from 'node:path';
import { Fault } from '../src/base/fault.ts';
import { membersIn, membersOf, readText, removeDurably, replaceDurably } from './wholeFile.ts';

const VERSION = 1;
const NAME = 'jobs.json';

/** A comparison that goes on when the unit starts again. */
export interface KeptComparison {
  id: string;
  /** When it was begun, ISO 8601. */
  since: string;
  /** As they were named by whoever began it; absent: the only one, all of them. */
  volume?: string;
  mirror?: string;
  repair: boolean;
  /** How far it was; absent: nothing is compared yet. */
  place?: KeptPlace;
}

export interface KeptPlace {
  /** The mirror that is being compared, and the bytes of the volume. */
  to: string;
  bytes: number;
  /** `[offset, length]` of what is still to be compared of it, sorted. */
  rest: [number, number][];
  /** What was found of the mirrors before it, as it was reported. */
  ended: unknown[];
}

/** What is to go on. Rejects with a `Fault` where that cannot be known. */
export async function readJobs(folder: string): Promise<KeptComparison[]> {
  const path = join(folder, NAME);
  const text = await readText(path);
  if (text === undefined) return [];
  const { version, comparisons } = membersIn(text);
  if (version === VERSION && Array.isArray(comparisons) && comparisons.every(isComparison)) return comparisons;
  throw new Fault('local', `${path} does not name comparisons that are to go on`, 'begin them anew');
}

/** Durable when it resolves, as it was before whenever it does not come to that. Rejects with a `Fault`. */
export async function writeJobs(folder: string, comparisons: readonly KeptComparison[]): Promise<void> {
  const path = join(folder, NAME);
  if (comparisons.length === 0) await removeDurably(path);
  else await replaceDurably(path, `${JSON.stringify({ version: VERSION, comparisons })}\n`);
}

function isComparison(value: unknown): value is KeptComparison {
  const { id, since, volume, mirror, repair, place } = membersOf(value);
  return (
    typeof id === 'string' &&
    /^[1-9]\d{0,14}$/.test(id) &&
    typeof since === 'string' &&
    !Number.isNaN(Date.parse(since)) &&
    [volume, mirror].every((word) => word === undefined || typeof word === 'string') &&
    typeof repair === 'boolean' &&
    (place === undefined || isPlace(place))
  );
}

function isPlace(value: unknown): value is KeptPlace {
  const { to, bytes, rest, ended } = membersOf(value);
  return (
    typeof to === 'string' &&
    isCount(bytes) &&
    Array.isArray(ended) &&
    Array.isArray(rest) &&
    rest.every(isRange(bytes))
  );
}

const isRange =
  (bytes: number) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length === 2 && value.every(isCount) && value[0] + value[1] <= bytes;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
