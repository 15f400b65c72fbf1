import type { LinkStatus } from '../unit/watch/status.ts';
import type { Tone, Verdict } from './verdict.ts';

/** A mirror at a far unit. */
export type LinkBeyond = NonNullable<LinkStatus['beyond']>[number];

const TONES: Readonly<Record<string, Tone>> = {
  equal: 'ok',
  behind: 'info',
  copying: 'work',
  repairing: 'work',
  paused: 'warn',
  broken: 'bad',
};

/** How a mirror of a far unit stands, as that one said last. */
export function beyondVerdict({ state, why }: LinkBeyond): Verdict {
  const tone = TONES[state] ?? 'none';
  return { tone: tone === 'info' && why !== undefined ? 'warn' : tone, word: state, ...(why ? { why } : {}) };
}

/** Mirrors of far units that somebody there has to do something about, and what the first of them says. */
export function troubledBeyond(beyond: readonly LinkBeyond[] = []): { count: number; why: string } {
  let count = 0;
  let why = '';
  for (const one of beyond) {
    const { tone } = beyondVerdict(one);
    if (tone === 'warn' || tone === 'bad') {
      count++;
      why ||= `${one.to} is ${one.state}${one.why === undefined ? '' : `: ${one.why}`}`;
    }
    const further = troubledBeyond(one.beyond);
    count += further.count;
    why ||= further.why;
  }
  return { count, why };
}
