import { isVolumeName, VOLUME_NAME_MAX } from '../../base/journeyUrl.ts';
import { type Check, group, list, type Placed, placed, text, type Unserved, whole } from './configCheck.ts';
import { mirrorMedium, type RawFile, type RawMirror } from './configMedium.ts';
import { BLOCK_TABLE } from './configParts.ts';
import { mirrorConfig, type SecretWant } from './configSecrets.ts';
import type { ReceivedVolumeConfig } from './configTypes.ts';
import { bytes, duration, path, portal } from './configValues.ts';

/** Where links arrive, as it is written. */
export interface RawReceive {
  listen: string;
}

/** A volume that comes over a link, as it is written. */
export interface RawReceivedVolume {
  name: Placed<string>;
  mirrors: Placed<RawMirror>[];
  history?: RawHistory;
  blockSize?: number;
  blockTable?: boolean;
  from?: string[];
}

interface RawHistory {
  window: number;
  bytes: number;
  folder?: Placed<string>;
}

export const receive: Check<RawReceive> = group<RawReceive>({
  listen: { check: portal, required: 'write "listen": "IP:PORT", where the links of other units arrive' },
});

/** A name by which people, and links, call a volume. */
export const volumeName: Check<string> = text<string>((words) => {
  const mend = 'choose a shorter one, or one without slashes and line ends';
  return isVolumeName(words) ? { value: words } : { wrong: `not a name of 1 to ${VOLUME_NAME_MAX} characters`, mend };
}, 'database');

/** The longest name that a certificate can have (RFC 5280 appendix A.1, ub-common-name). */
const UNIT_NAME_MAX = 64;

const unitName: Check<string> = text<string>((words) => {
  const mend = 'write the name that `tapmirror keys unit` was given';
  const fits = words.length >= 1 && words.length <= UNIT_NAME_MAX && !/\p{Cc}/u.test(words);
  return fits ? { value: words } : { wrong: `not a unit's name of 1 to ${UNIT_NAME_MAX} characters`, mend };
}, 'site-a');

const OF_BUS: Unserved = {
  wrong: 'a key for a volume of the bus',
  mend: 'leave it out: the sender knows; or name the logical unit in "lu"',
};

/** A queue that holds less than a few changes keeps no past. */
const HISTORY_BYTES_MIN = 1 << 20;
const MIRRORS = '["file:/srv/third.img"]';

const history = group<RawHistory>({
  window: { check: duration, required: 'write "window": "24h", how far back a moment may lie' },
  bytes: { check: bytes(HISTORY_BYTES_MIN), required: 'write "bytes": "10GiB", how large the queue may become' },
  folder: { check: placed(path('/srv/third.queue')) },
});

const shape = group<RawReceivedVolume>(
  {
    name: { check: placed(volumeName), required: 'write "name": NAME, as links call it' },
    mirrors: { check: list(placed(mirrorMedium), 1, MIRRORS), required: `write "mirrors": ${MIRRORS}` },
    history: { check: history },
    blockSize: { check: whole(256, 1 << 20, 'bytes') },
    ...BLOCK_TABLE,
    from: { check: list(unitName, 1, '["site-a"]') },
  },
  { first: OF_BUS, portals: OF_BUS, blocks: OF_BUS },
);

/**
 * A volume that comes over a link: a file or block device that it is kept in, how much of the past is kept beside it, and
 * further mirrors that it is passed on to.
 */
export const receivedVolume: Check<RawReceivedVolume> = (node, where, book) => {
  const raw = shape(node, where, book);
  const [first] = raw?.mirrors ?? [];
  if (raw !== undefined && first !== undefined && ownOf(raw) === undefined) {
    const { at, where } = first;
    const wrong = 'none of the mirrors is a file or block device, which what comes over a link is kept in';
    book.push({ at, where, wrong, mend: 'add "file:PATH"; what is kept there is passed on to the others' });
  }
  return raw;
};

/** The mirror that keeps the volume: the first that is a file. */
function ownOf({ mirrors }: RawReceivedVolume): Placed<RawMirror> | undefined {
  return mirrors.find(({ value }) => value.kind === 'file');
}

/** `raw` comes from a tree without mistakes. */
export function receivedConfig(
  raw: RawReceivedVolume,
  at: (path: string) => string,
  wants: SecretWant[],
): ReceivedVolumeConfig {
  const { name, mirrors, history, blockSize, blockTable = true, from } = raw;
  const own = ownOf(raw);
  const file = own?.value as RawFile;
  return {
    name: name.value,
    mirror: { ...file, path: at(file.path) },
    further: mirrors.filter((one) => one !== own).map(({ value }) => mirrorConfig(value, at, wants)),
    ...(history === undefined
      ? {}
      : {
          history: {
            windowMs: history.window,
            bytes: history.bytes,
            ...(history.folder === undefined ? {} : { folder: at(history.folder.value) }),
          },
        }),
    ...(blockSize === undefined ? {} : { blockSize }),
    blockTable,
    ...(from === undefined ? {} : { from }),
  };
}
