import type { LuNames } from '../../../parsers/formats/luNames.ts';
import type { Capacity } from '../../../parsers/scsi/capacity.ts';
import {
  ASSOCIATION_LU,
  type Designator,
  designatorWords,
  globallyUnique,
  TYPE_EUI64,
  TYPE_NAA,
  TYPE_UUID,
} from '../../../parsers/scsi/designator.ts';
import type { BlockLimits, Inquiry, Provisioning } from '../../../parsers/scsi/inquiry.ts';
import type { ModeData } from '../../../parsers/scsi/mode.ts';

/** What an LU told of itself when it was opened; absent where it does not say. */
export interface LuFacts {
  inquiry: Inquiry;
  /** VPD page 80h, padding included. */
  serial: string | undefined;
  designators: readonly Designator[];
  capacity: Capacity;
  limits: BlockLimits | undefined;
  provisioning: Provisioning | undefined;
  mode: ModeData | undefined;
}

const RANK = [TYPE_NAA, TYPE_EUI64, TYPE_UUID];

/**
 * One name for the medium: the same through every portal and session, another for every other LU.
 *
 * A designator of VPD page 83h that no other LU of the world may carry (`globallyUnique`) names it best. Many targets make
 * theirs up: tgt gives every LU with the same target number and LUN the same T10 name, the same locally assigned NAA and
 * an NAA with a company id of zero, on every machine. Such an LU is named by its target's name, which is to be unique in the
 * world (RFC 7143 section 4.2.7), and its LUN; never by its portal, as one LU may be reached through several.
 */
export function luIdentity(designators: readonly Designator[], target: string, lun: number): string {
  const rank = (type: number): number => (RANK.includes(type) ? RANK.indexOf(type) : RANK.length);
  const unique = designators
    .filter(globallyUnique)
    .map((designator) => ({ rank: rank(designator.type), words: designatorWords(designator) }))
    .sort((a, b) => a.rank - b.rank || (a.words < b.words ? -1 : 1));
  return unique.length > 0 ? unique[0].words : `${target}/${lun}`;
}

/** What hosts know the LU by. */
export function luNames({ inquiry, serial, designators }: LuFacts): LuNames {
  const [vendor, product, revision] = [inquiry.vendor, inquiry.product, inquiry.revision].map((text) =>
    text.replace(/[^\x20-\x7e]/g, '?'),
  );
  const own = designators.filter(({ association, bytes }) => association === ASSOCIATION_LU && bytes.length > 0);
  return { vendor, product, revision, ...(serial === undefined ? {} : { serial }), designators: own };
}

/** How an LU takes what a volume wants of it; lengths in bytes. */
export interface LuAbilities {
  blockSize: number;
  /** The longest READ or WRITE. */
  transferMax: number;
  /** The longest WRITE SAME. */
  sameMax: number;
  /** WRITE SAME of zeros with the UNMAP bit gives the space back and reads as zeros all the same. */
  sameUnmaps: boolean;
  /** UNMAP makes whole granules of `unmapGranule` bytes, from `unmapAlignment` on, read as zeros; 0: it proves nothing. */
  unmapGranule: number;
  unmapAlignment: number;
  unmapMax: number;
  /** FUA in a WRITE is honoured. */
  fua: boolean;
  /** What was acknowledged may be lost with the power until the cache has been synchronized; assumed where it is not told. */
  volatileCache: boolean;
}

/** No command is longer: a longer one gains nothing and keeps the others waiting. */
const TRANSFER_MAX = 1024 * 1024;
/** A target may write every block of a WRITE SAME one by one; it must end well before its time is over. */
const SAME_MAX = 32 * 1024 * 1024;

export function luAbilities(facts: LuFacts): LuAbilities {
  const { capacity, limits, provisioning, mode } = facts;
  const { blockSize } = capacity;
  const zeros = provisioning ? provisioning.unmappedReads === 'zeros' : capacity.lbpme && capacity.lbprz;
  const most = (blocks: number | undefined, bytes: number): number =>
    Math.max(1, Math.min(Math.floor(bytes / blockSize), blocks || Number.MAX_SAFE_INTEGER)) * blockSize;
  const granule = provisioning?.lbpu && zeros ? (limits?.unmapGranularity ?? 0) : 0;
  return {
    blockSize,
    transferMax: most(limits?.maxTransferBlocks, TRANSFER_MAX),
    sameMax: most(limits?.maxWriteSameBlocks, SAME_MAX),
    sameUnmaps: provisioning?.lbpws === true && zeros,
    unmapGranule: granule * blockSize,
    unmapAlignment: (limits?.alignmentValid ? limits.unmapAlignment : 0) * blockSize,
    unmapMax: most(limits?.maxUnmapBlocks, Number.MAX_SAFE_INTEGER),
    fua: mode?.dpoFua ?? false,
    volatileCache: mode?.wce ?? true,
  };
}
