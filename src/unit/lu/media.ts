import { createHash } from 'node:crypto';
import { openFileVolume } from '../../../hw/files.ts';
import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import type { LuNames } from '../../../parsers/formats/luNames.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import { luNames } from '../../iscsi/lu/facts.ts';
import { tabledVolume } from '../blockTable/blockTableOpen.ts';
import type { FileMedium, LiveMirrorConfig, TlsConfig } from '../config/configTypes.ts';
import type { JourneyVolume } from '../link/journeyTypes.ts';
import { LateOrderedVolume } from '../link/lateOrdered.ts';
import { LateVolume } from './lateVolume.ts';
import { openLuVolume } from './luVolume.ts';

/** Who the unit is at the targets that it logs in to. */
export interface Identity {
  /** The unit's id, a UUID. */
  unit: string;
  /** Its iSCSI name (RFC 7143 section 4.2.7). */
  initiatorName: string;
  /** A UUID of this process. */
  epoch: string;
}

export interface MediumUse {
  /** False: the first volume, which is only ever read. */
  writable: boolean;
  blockSize?: number;
  /** Where the block table of a file is kept; absent: there is none. */
  table?: string;
  notice: (text: string) => void;
  /** What an opened medium must be; refuses by a `Fault`. */
  check?: (volume: Volume) => void;
  /** Stands before a file or LU that was opened. */
  wrap?: (volume: Volume) => Volume;
  /** What the unit proves itself with at other units; always there where a link is configured. */
  tls?: TlsConfig;
  /** The volume that is mirrored, as far as it is known: its length (0: unknown) and bytes per block (0: unknown). */
  mirrored: () => { bytes: number; blockSize: number };
  /** What the far end of a link is told of this unit. */
  about?: () => LinkAbout;
  /** An LU has said what hosts know it by. */
  learned?: (names: LuNames) => void;
  /** Monotonic time in nanoseconds. */
  now: () => number;
}

type Journey = Extract<LiveMirrorConfig, { kind: 'journey' }>;

/** The medium that the configuration names, to be opened by `open` or later by `revive`. */
export function medium(config: LiveMirrorConfig, identity: Identity, use: MediumUse): LateVolume {
  const { kind, to } = config;
  if (kind === 'journey') {
    return new LateOrderedVolume(to, 'lu', (signal) => checked(openJourney(config, identity, use, signal), use));
  }
  const { wrap = (volume: Volume) => volume } = use;
  return new LateVolume(to, kind, async () =>
    wrap(await checked(kind === 'file' ? openFile(config, use) : openLu(config, identity, use), use)),
  );
}

async function checked<V extends Volume>(opening: Promise<V>, { check }: MediumUse): Promise<V> {
  const volume = await opening;
  try {
    check?.(volume);
  } catch (refusal) {
    await volume.close();
    throw refusal;
  }
  return volume;
}

async function openJourney(
  { url, limit, compress }: Journey,
  { unit, epoch }: Identity,
  { tls, mirrored, about, notice, now }: MediumUse,
  signal?: AbortSignal,
): Promise<JourneyVolume> {
  if (tls === undefined) throw new Fault('bug', 'a link without certificates');
  // Most units have no link: its parts are loaded with the first one.
  const { openJourneyVolume } = await import('../link/journeyVolume.ts');
  return openJourneyVolume(
    {
      ...url,
      keys: tls,
      epoch,
      unit,
      ...mirrored(),
      ...(limit === undefined ? {} : { limitBytesPerSecond: limit }),
      compress,
      ...(about ? { about } : {}),
      notice,
      now,
    },
    signal,
  );
}

async function openFile({ path, to }: FileMedium, { writable, blockSize, table, notice }: MediumUse): Promise<Volume> {
  const size = blockSize === undefined ? {} : { blockSize };
  const volume = await openFileVolume(path, { writable, lock: writable, ...size });
  if (table === undefined) return volume;
  return tabledVolume(volume, { path: table, medium: path, notice: (text) => notice(`${to}: ${text}`) });
}

async function openLu(
  config: Extract<LiveMirrorConfig, { kind: 'lu' }>,
  { unit, initiatorName }: Identity,
  { writable, notice, learned }: MediumUse,
): Promise<Volume> {
  const { url, digests, mutual, to } = config;
  const volume = await openLuVolume({
    url,
    writable,
    initiatorName,
    isid: isidOf(unit, to),
    digests,
    ...(mutual ? { mutual } : {}),
    ...(writable ? { lockKey: keyOf(unit) } : {}),
    notice: (text) => notice(`${to}: ${text}`),
  });
  learned?.(luNames(volume.facts));
  return volume;
}

/**
 * An ISID of the random format (RFC 7143 section 10.5.1 and 11.12.5): the same after a restart, so that a login takes the
 * place of the session that the last process left behind, and another for each medium.
 */
export function isidOf(unit: string, to: string): Uint8Array {
  const hash = createHash('sha256').update(`${unit}\n${to}`).digest();
  return Uint8Array.of(0x80, hash[0], hash[1], hash[2], hash[3], hash[4]);
}

/** The unit's persistent reservation key (SPC-5 section 5.14): never 0, the same after a restart. */
export function keyOf(unit: string): bigint {
  return createHash('sha256').update(`reservation ${unit}`).digest().readBigUInt64BE() | 1n;
}

/** The iSCSI name of a unit whose operator chose none. */
export function initiatorNameOf(unit: string): string {
  return `iqn.2024-01.io.tapmirror:unit-${unit.replaceAll('-', '').slice(0, 12)}`;
}
