import { splitPortal } from '../../base/address.ts';
import type { Placed } from './configCheck.ts';
import type { RawMirror } from './configMedium.ts';
import type { RawReceivedVolume } from './configReceived.ts';
import type { Mistake } from './configTree.ts';

/**
 * Volumes that are passed on, over links to this very unit, until they come back: every change would go round for ever. Loops
 * over other units no configuration shows.
 */
export function refuseLoops(
  volumes: readonly Partial<RawReceivedVolume>[],
  listen: string | undefined,
  book: Mistake[],
): void {
  const own = listen === undefined ? undefined : splitPortal(listen);
  if (own === undefined) return;
  const target = ({ value }: Placed<RawMirror>): string | undefined => {
    if (value.kind !== 'journey') return undefined;
    const { host, port, volume } = value.url;
    return host === own.host && port === own.port ? volume : undefined;
  };
  const onwards = new Map<string, string[]>();
  for (const { name, mirrors = [] } of volumes) {
    if (name)
      onwards.set(
        name.value,
        mirrors.map(target).filter((one) => one !== undefined),
      );
  }
  const leads = (from: string, to: string, seen: Set<string>): boolean => {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return (onwards.get(from) ?? []).some((next) => leads(next, to, seen));
  };
  for (const { name, mirrors = [] } of volumes) {
    for (const mirror of mirrors) {
      const next = target(mirror);
      if (name === undefined || next === undefined || !leads(next, name.value, new Set())) continue;
      const { at, where } = mirror;
      const wrong = `a link that leads back to ${name.where}, so that changes would go round for ever`;
      book.push({ at, where, wrong, mend: 'leave it out, or name a volume of another unit' });
    }
  }
}
