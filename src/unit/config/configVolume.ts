import { type Check, group, list, type Placed, placed, text, type Unserved, whole } from './configCheck.ts';
import { firstMedium, mirrorMedium, type RawMedium, type RawMirror } from './configMedium.ts';
import { BLOCK_TABLE, type RawVolume, VOLUME, volumeParts } from './configParts.ts';
import { type RawReceivedVolume, receivedVolume, volumeName } from './configReceived.ts';
import { mediumConfig, mirrorConfig, type SecretWant } from './configSecrets.ts';
import type { RawSource } from './configSource.ts';
import type { Mistake } from './configTree.ts';
import type { LiveVolumeConfig } from './configTypes.ts';
import { bytes, flag } from './configValues.ts';

/** A volume of a bus, as it is written. */
export interface RawBusVolume extends RawVolume {
  name?: string;
  first?: Placed<RawMedium>;
  mirrors: Placed<RawMirror>[];
  blockTable?: boolean;
  checkReads?: Placed<RawCheckReads>;
  markers?: Placed<RawMarkers>;
}

type RawCheckReads = boolean | { bytesPerSecond?: number };
type RawMarkers = { lbn: number; name?: string }[];

/** A volume of the bus has an `lu`, one that comes over a link only a name. */
export type RawOneVolume = RawBusVolume | RawReceivedVolume;

const MIRRORS = '["iscsi://10.0.0.2/TARGET-NAME/1"]';

const HISTORY_ELSEWHERE: Unserved = {
  wrong: 'in this version the past is kept only of a volume that comes over a link',
  mend: 'send this volume over a link to a unit (its own host will do), and write "history" there',
};

/** The time comes behind it. */
const MARKER_NAME_MAX = 38;
const markerName = text<string>((words) => {
  const fits =
    words !== '' && words.length <= MARKER_NAME_MAX && words.trim() === words && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(words);
  const mend = `write 1 to ${MARKER_NAME_MAX} characters`;
  return fits ? { value: words } : { wrong: 'not what a bookmark can be called', mend };
}, 'backup');

const markers = list(
  group<RawMarkers[number]>({
    lbn: {
      check: whole(0, Number.MAX_SAFE_INTEGER, 'the first is 0'),
      required: 'write "lbn": NUMBER, the block whose writes set bookmarks',
    },
    name: { check: markerName },
  }),
  1,
  '[{"lbn": 2048, "name": "backup"}]',
);

/** What is hashed of what hosts read, where nothing else is written: a few hundredths of a processor. */
const CHECKED_BYTES_PER_SECOND = 16 * 1024 * 1024;

const checkedRate = group<Exclude<RawCheckReads, boolean>>({ bytesPerSecond: { check: bytes(4096) } });
const checkReads: Check<RawCheckReads> = (node, where, book) =>
  (node.kind === 'map' ? checkedRate : flag)(node, where, book);

const busVolume = group<RawBusVolume>(
  {
    ...VOLUME,
    name: { check: volumeName },
    first: { check: placed(firstMedium) },
    mirrors: { check: list(placed(mirrorMedium), 1, MIRRORS), required: `write "mirrors": ${MIRRORS}` },
    ...BLOCK_TABLE,
    checkReads: { check: placed(checkReads) },
    markers: { check: placed(markers) },
  },
  { history: HISTORY_ELSEWHERE },
);

/** A volume of either kind. */
export const volume: Check<RawOneVolume> = (node, where, book) => {
  const has = (key: string): boolean => node.kind === 'map' && node.entries.some((entry) => entry.key === key);
  return has('lu') || !(has('name') || has('history'))
    ? busVolume(node, where, book)
    : receivedVolume(node, where, book);
};

/** A bookmark needs a mirror that keeps it. */
export function refuseMarkers({ markers: placed, mirrors }: Partial<RawBusVolume>, book: Mistake[]): void {
  if (placed === undefined || mirrors?.some(({ value }) => value.kind === 'journey')) return;
  const mend = 'add a mirror "journey://HOST:PORT/VOLUME", or leave it out';
  book.push({ at: placed.at, where: placed.where, wrong: 'no mirror of this volume keeps bookmarks', mend });
}

/** What hosts read is compared with the checksums of a mirror, and then with both sides. */
export function refuseCheckReads(
  { checkReads: placed, mirrors, first, blockTable }: Partial<RawBusVolume>,
  source: RawSource | undefined,
  book: Mistake[],
): void {
  if (placed === undefined || placed.value === false) return;
  const tell = (wrong: string, mend: string): void => {
    book.push({ at: placed.at, where: placed.where, wrong, mend });
  };
  if (source?.probe !== undefined) tell('on a parallel bus what hosts read is not compared', 'leave it out');
  if (blockTable === false) tell('it needs the block table', 'leave "blockTable" out, or leave this out');
  else if (!mirrors?.some(({ value }) => value.kind === 'file'))
    tell('no mirror of this volume keeps a block table', 'add a mirror "file:PATH", or leave it out');
  if (first === undefined)
    tell('without a first volume nothing that differs can be confirmed', 'name it in "first", or leave this out');
}

export function isReceived(volume: RawOneVolume): volume is RawReceivedVolume {
  return !isOfBus(volume);
}

export function isOfBus(volume: RawOneVolume): volume is RawBusVolume {
  return 'lu' in volume || !('name' in volume || 'history' in volume);
}

/** `raw` comes from a tree without mistakes. */
export function volumeConfig(raw: RawBusVolume, at: (path: string) => string, wants: SecretWant[]): LiveVolumeConfig {
  const checked = raw.checkReads?.value ?? false;
  return {
    ...volumeParts(raw),
    ...(raw.name === undefined ? {} : { name: raw.name }),
    ...(raw.first === undefined ? {} : { first: mediumConfig(raw.first.value, at, wants) }),
    mirrors: raw.mirrors.map(({ value }) => mirrorConfig(value, at, wants)),
    ...(raw.markers === undefined ? {} : { markers: raw.markers.value }),
    // It pays where a link may have to be brought up to date by it.
    blockTable: raw.blockTable ?? (checked !== false || raw.mirrors.some(({ value }) => value.kind === 'journey')),
    ...(checked
      ? { checkReads: { bytesPerSecond: CHECKED_BYTES_PER_SECOND, ...(checked === true ? {} : checked) } }
      : {}),
  };
}
