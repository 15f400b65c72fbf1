import type { TextPairs } from './textAsk.ts';

/** A target and where it is, as its addresses were told: `host:port,group`. */
export interface OfferedTarget {
  name: string;
  addresses: string[];
}

/**
 * What a target answers to SendTargets (RFC 7143 appendix C): addresses stand behind the name that they belong to. `own`: whose
 * they are where no name stands before them.
 */
export function offeredTargets(pairs: TextPairs, own: string): OfferedTarget[] {
  const found = new Map<string, OfferedTarget>();
  let name = own;
  for (const [key, value] of pairs) {
    if (key === 'TargetName') name = value;
    else if (key !== 'TargetAddress') continue;
    const target = found.get(name) ?? { name, addresses: [] };
    found.set(name, target);
    if (key === 'TargetAddress' && !target.addresses.includes(value)) target.addresses.push(value);
  }
  return [...found.values()];
}
