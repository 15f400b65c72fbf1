import { SOCKET_PATH_MAX } from '../../hw/controlWire.ts';
import { LOG_LEVELS, type LogLevel } from '../../hw/logLevel.ts';
import { type Check, group, list, oneOf, type Placed, placed, text, type Unserved } from './configCheck.ts';
import { firstMedium, mirrorMedium, type RawMedium } from './configMedium.ts';
import {
  BUFFER,
  DECODING,
  decodingParts,
  KEYS_LATER,
  type RawBuffer,
  type RawDecoding,
  type RawVolume,
  VOLUME,
  VOLUME_KEYS_LATER,
  volumeParts,
} from './configParts.ts';
import { mediumConfig, type SecretWant } from './configSecrets.ts';
import type { Draft, Surroundings } from './configShape.ts';
import { type RawSource, source, sourceConfig } from './configSource.ts';
import type { ConfigNode, Mistake } from './configTree.ts';
import { Twins } from './configTwins.ts';
import type { LiveConfig, LiveVolumeConfig } from './configTypes.ts';
import { bytes, initiatorName, path, powerOfTwo } from './configValues.ts';

interface RawLiveVolume extends RawVolume {
  name?: string;
  first?: Placed<RawMedium>;
  mirrors: Placed<RawMedium>[];
}

interface RawLive extends RawDecoding {
  source: RawSource;
  state: Placed<string>;
  control?: Placed<string>;
  buffer?: RawBuffer & { whenFull?: 'lbn' };
  volumes: RawLiveVolume[];
  record?: { chunkBytes?: number; hotBytes?: number };
  resync?: { bytesPerSecond?: number };
  initiator?: string;
  log?: { level?: LogLevel };
}

const CHUNK_BYTES_MIN = 4096;
const CHUNK_BYTES_MAX = 1 << 30;
const NAME_CHARACTERS_MAX = 64;
/** One chunk of the default record: a copy that is slower than this a second would never end. */
const RATE_MIN = 65536;

const whenFull: Check<'lbn'> = (node, where, book) => {
  if (node.kind === 'scalar' && node.value === 'wait') {
    const mend = 'leave the key out: a change that finds no room is kept by its LBNs and read back later';
    book.push({ at: node.at, where, wrong: 'a live bus does not wait', mend });
    return undefined;
  }
  return oneOf(['lbn'])(node, where, book);
};

const PAUSE: Unserved = { wrong: 'a pause is not taken', mend: 'limit the rate with "bytesPerSecond"' };

const volumeName = text<string>((words) => {
  const fits = words.length > 0 && words.length <= NAME_CHARACTERS_MAX && !/\p{Cc}/u.test(words);
  return fits
    ? { value: words }
    : { wrong: `not a name of 1 to ${NAME_CHARACTERS_MAX} characters`, mend: 'shorten it' };
}, 'database');

const MIRRORS = '["iscsi://10.0.0.2/TARGET-NAME/1"]';

const shape = group<RawLive>(
  {
    source: { check: source, required: 'write "source": {"tap": {"interfaces": ["eth1"]}} or {"tee": {...}}' },
    state: { check: placed(path('/var/lib/tapmirror')), required: 'write "state": FOLDER, where the record is kept' },
    control: { check: placed(path('/run/tapmirror.sock')) },
    buffer: { check: group<NonNullable<RawLive['buffer']>>({ ...BUFFER, whenFull: { check: whenFull } }) },
    volumes: {
      check: list(
        group<RawLiveVolume>(
          {
            ...VOLUME,
            name: { check: volumeName },
            first: { check: placed(firstMedium) },
            mirrors: { check: list(placed(mirrorMedium), 1, MIRRORS), required: `write "mirrors": ${MIRRORS}` },
          },
          VOLUME_KEYS_LATER,
        ),
        1,
        '[{"lu": ..., "mirrors": [...]}]',
      ),
      required: 'write "volumes": [{"lu": ..., "mirrors": [...]}]',
    },
    record: {
      check: group<NonNullable<RawLive['record']>>({
        chunkBytes: { check: powerOfTwo(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX) },
        hotBytes: { check: bytes(0) },
      }),
    },
    resync: {
      check: group<NonNullable<RawLive['resync']>>({ bytesPerSecond: { check: bytes(RATE_MIN) } }, { pauseMs: PAUSE }),
    },
    initiator: { check: initiatorName },
    log: { check: group<NonNullable<RawLive['log']>>({ level: { check: oneOf(LOG_LEVELS) } }) },
    ...DECODING,
  },
  KEYS_LATER,
);

/** A unit on a live bus; its mistakes go into `book`, and then the result means nothing. */
export function liveConfig(root: ConfigNode, around: Surroundings, book: Mistake[]): Draft | undefined {
  const raw = shape(root, '', book);
  if (raw === undefined) return undefined;
  compare(raw, around, book);
  // The parts are complete only in a tree without mistakes.
  if (book.length > 0) return undefined;
  const wants: SecretWant[] = [];
  const config: LiveConfig = {
    kind: 'live',
    source: sourceConfig(raw.source),
    state: around.at(raw.state.value),
    control: controlOf(raw.state, raw.control, around).path,
    buffer: { bytes: 128 << 20, threshold: 0.25, ...raw.buffer, whenFull: 'lbn' },
    volumes: raw.volumes.map((one) => volumeConfig(one, around, wants)),
    record: { chunkBytes: 64 << 10, hotBytes: 64 << 20, ...raw.record },
    resync: { ...raw.resync },
    ...(raw.initiator === undefined ? {} : { initiator: raw.initiator }),
    log: { level: raw.log?.level ?? 'info' },
    ...decodingParts(raw),
    warnings: [],
  };
  return { config, wants };
}

function volumeConfig(raw: RawLiveVolume, around: Surroundings, wants: SecretWant[]): LiveVolumeConfig {
  return {
    ...volumeParts(raw),
    ...(raw.name === undefined ? {} : { name: raw.name }),
    ...(raw.first === undefined ? {} : { first: mediumConfig(raw.first.value, around.at, wants) }),
    mirrors: raw.mirrors.map(({ value }) => mediumConfig(value, around.at, wants)),
  };
}

/** The control socket's path, and the key that it comes from. */
function controlOf(state: Placed<string>, control: Placed<string> | undefined, around: Surroundings) {
  const from = control ?? state;
  return { path: around.at(control?.value ?? `${state.value}/control.sock`), from };
}

function compare(raw: Partial<RawLive>, around: Surroundings, book: Mistake[]): void {
  const twins = new Twins(around, book);
  if (raw.state !== undefined) {
    twins.own(raw.state);
    const { path, from } = controlOf(raw.state, raw.control, around);
    if (Buffer.byteLength(path) > SOCKET_PATH_MAX) {
      const wrong = `the control socket's path ${path} is longer than ${SOCKET_PATH_MAX} bytes, which no socket can have`;
      book.push({
        at: from.at,
        where: from.where,
        wrong,
        mend: 'write a shorter one: "control": "/run/tapmirror.sock"',
      });
    }
  }
  if (raw.control !== undefined) twins.own(raw.control);
  for (const { first } of raw.volumes ?? []) if (first !== undefined) twins.first(first);
  for (const { lu, blocks, blockSize } of raw.volumes ?? []) twins.volume(lu, blocks, blockSize);
  for (const { mirrors } of raw.volumes ?? []) for (const one of mirrors ?? []) twins.mirror(one);
}

const controlShape = group<{ state?: Placed<string>; control?: Placed<string> }>({
  state: { check: placed(path('/var/lib/tapmirror')) },
  control: { check: placed(path('/run/tapmirror.sock')) },
});

/** Only where the unit's control socket is: mistakes elsewhere are no matter to one who asks how it stands. */
export function controlPath(root: ConfigNode, around: Surroundings, book: Mistake[]): string | undefined {
  const entries = root.kind === 'map' ? root.entries.filter(({ key }) => key === 'state' || key === 'control') : [];
  const raw = controlShape({ kind: 'map', at: root.at, entries }, '', book);
  if (raw === undefined || book.length > 0) return undefined;
  const { state, control } = raw;
  if (control !== undefined) return around.at(control.value);
  if (state !== undefined) return around.at(`${state.value}/control.sock`);
  const wrong = 'neither "control" nor "state" is there, so this unit has no control socket';
  book.push({ at: root.at, where: '', wrong, mend: 'name the configuration of a unit that `tapmirror run` started' });
  return undefined;
}
