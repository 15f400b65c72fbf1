import type { LinkQuestion } from '../../parsers/formats/linkRequests.ts';
import { copyOf } from '../base/bytes.ts';
import type { AssembledEntry } from './assembler.ts';

/** Applied changes are made durable once nothing more has come, or when they have become so many. */
const SYNC_ENTRIES = 1024;
const SYNC_BYTES: number = 4 * 1024 * 1024;

/** What a far end has to do, in the order in which it came. `cost`: memory that it occupies, about. */
export type FarWork =
  | { kind: 'entry'; entry: AssembledEntry }
  | { kind: 'question'; id: number; question: LinkQuestion; cost: number }
  | { kind: 'through'; number: number; order: number; cost: number };

/** A question with bytes of its own: the memory of its frame is used again, and it may wait. */
export function ownQuestion(question: LinkQuestion): LinkQuestion {
  if (question.kind === 'check') return { ...question, hashes: copyOf(question.hashes) };
  if (question.kind === 'nodes') return { ...question, sums: copyOf(question.sums) };
  return question;
}

/** Words where it reaches beyond the volume of `bytes` as it is in its turn, or beyond entry `applied`, the last that came. */
export function beyond(work: FarWork, applied: number, bytes: number): string | undefined {
  if (work.kind === 'through' && work.number !== applied) {
    return `all is said to be there with entry ${work.number}, and ${applied} came`;
  }
  if (work.kind !== 'entry') return undefined;
  const { entry, number } = work.entry;
  const last = 'pieces' in entry ? entry.pieces.at(-1) : undefined;
  const end = last ? last.offset + last.length : 0;
  return end > bytes ? `change ${number} reaches to ${end}, and the volume ends at ${bytes}` : undefined;
}

/** Whether so much that is applied is to be made durable, whatever comes next. */
export function isMany(entries: number, bytes: number): boolean {
  return bytes >= SYNC_BYTES || entries >= SYNC_ENTRIES;
}
