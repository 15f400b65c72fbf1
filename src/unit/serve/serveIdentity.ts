import { createHash } from 'node:crypto';
import type { LunIdentity } from '../../device/options.ts';
import type { ServeIdentity } from './serveTypes.ts';

/** T10 vendor identification: eight characters, assigned by nobody. */
const VENDOR = 'TAPMIRR';
const PRODUCT = 'Volume';

/**
 * How a logical unit introduces itself: as chosen, and for the rest by names made from `id`, which is its own and outlives
 * the process. The designator is a locally assigned one (NAA 3h, SPC-5 section 7.7.6.6.4), as no registration is ours.
 */
export function lunIdentity(chosen: ServeIdentity, id: string, version: string): LunIdentity {
  const hash = createHash('sha256').update(`lu ${id}`).digest('hex');
  return {
    vendor: chosen.vendor ?? VENDOR,
    product: chosen.product ?? PRODUCT,
    revision: chosen.revision ?? version.slice(0, 4).replace(/\.$/, ''),
    serial: chosen.serial ?? hash.slice(16, 32),
    naa: chosen.naa ?? `3${hash.slice(0, 15)}`,
    ...(chosen.designators === undefined ? {} : { designators: chosen.designators }),
  };
}
