import { SOCKET_PATH_MAX } from '../../../hw/controlWire.ts';
import { LOG_LEVELS, type LogLevel } from '../../../hw/logLevel.ts';
import { type Check, group, list, oneOf, type Placed, placed, type Unserved } from './configCheck.ts';
import { refuseGaps } from './configGaps.ts';
import { groups, groupsConfig, type RawGroup } from './configGroups.ts';
import { refuseLoops } from './configLoops.ts';
import { BUFFER, DECODING, decodingParts, type RawBuffer, type RawDecoding } from './configParts.ts';
import { type RawReceive, receive, receivedConfig } from './configReceived.ts';
import type { SecretWant } from './configSecrets.ts';
import { type RawServe, serve, serveConfig, servedMedia } from './configServe.ts';
import type { Draft, Surroundings } from './configShape.ts';
import { type RawSource, source, sourceConfig } from './configSource.ts';
import { type RawTls, tls } from './configTls.ts';
import type { ConfigNode, Mistake } from './configTree.ts';
import { Twins } from './configTwins.ts';
import type { LiveConfig } from './configTypes.ts';
import { bytes, groupName, initiatorName, path, powerOfTwo } from './configValues.ts';
import {
  isOfBus,
  isReceived,
  type RawOneVolume,
  refuseCheckReads,
  refuseMarkers,
  volume,
  volumeConfig,
} from './configVolume.ts';
import { type RawWeb, web, webConfig } from './configWeb.ts';

interface RawLive extends RawDecoding {
  source?: Placed<RawSource>;
  receive?: Placed<RawReceive>;
  serve?: Placed<RawServe>;
  tls?: RawTls;
  state: Placed<string>;
  control?: Placed<string>;
  controlGroup?: string;
  buffer?: RawBuffer & { whenFull?: 'lbn' };
  volumes?: Placed<RawOneVolume>[];
  groups?: RawGroup[];
  record?: { chunkBytes?: number; hotBytes?: number };
  resync?: { bytesPerSecond?: number };
  spill?: { bytes?: number };
  web?: RawWeb;
  initiator?: string;
  log?: { level?: LogLevel };
}

const CHUNK_BYTES_MIN = 4096;
const CHUNK_BYTES_MAX = 1 << 30;
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

const shape = group<RawLive>({
  source: { check: placed(source) },
  receive: { check: placed(receive) },
  serve: { check: placed(serve) },
  tls: { check: tls },
  state: { check: placed(path('/var/lib/tapmirror')), required: 'write "state": FOLDER, where the record is kept' },
  control: { check: placed(path('/run/tapmirror.sock')) },
  controlGroup: { check: groupName },
  buffer: { check: group<NonNullable<RawLive['buffer']>>({ ...BUFFER, whenFull: { check: whenFull } }) },
  volumes: { check: list(placed(volume), 1, '[{"lu": ..., "mirrors": [...]}]') },
  groups: { check: groups },
  record: {
    check: group<NonNullable<RawLive['record']>>({
      chunkBytes: { check: powerOfTwo(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX) },
      hotBytes: { check: bytes(0) },
    }),
  },
  resync: {
    check: group<NonNullable<RawLive['resync']>>({ bytesPerSecond: { check: bytes(RATE_MIN) } }, { pauseMs: PAUSE }),
  },
  spill: { check: group<NonNullable<RawLive['spill']>>({ bytes: { check: bytes(0) } }) },
  web: { check: web },
  initiator: { check: initiatorName },
  log: { check: group<NonNullable<RawLive['log']>>({ level: { check: oneOf(LOG_LEVELS) } }) },
  ...DECODING,
});

/** A unit on a live bus; its mistakes go into `book`, and then the result means nothing. */
export function liveConfig(root: ConfigNode, around: Surroundings, book: Mistake[]): Draft | undefined {
  const raw = shape(root, '', book);
  if (raw === undefined) return undefined;
  refuseGaps(raw, root, book);
  compare(raw, around, book);
  const grouped = groupsConfig(
    raw.groups ?? [],
    (raw.volumes ?? []).map(({ value }) => value),
    book,
  );
  // The parts are complete only in a tree without mistakes.
  if (book.length > 0) return undefined;
  const wants: SecretWant[] = [];
  const volumes = (raw.volumes ?? []).map(({ value }) => value);
  const config: LiveConfig = {
    kind: 'live',
    ...(raw.source === undefined ? {} : { source: sourceConfig(raw.source.value) }),
    ...(raw.receive === undefined ? {} : { receive: raw.receive.value }),
    ...(raw.serve === undefined ? {} : { serve: serveConfig(raw.serve.value, around.at, wants) }),
    state: around.at(raw.state.value),
    control: controlOf(raw.state, raw.control, around).path,
    ...(raw.controlGroup === undefined ? {} : { controlGroup: raw.controlGroup }),
    buffer: { bytes: 128 << 20, threshold: 0.25, ...raw.buffer, whenFull: 'lbn' },
    volumes: volumes.filter(isOfBus).map((one) => volumeConfig(one, around.at, wants)),
    groups: grouped,
    received: volumes.filter(isReceived).map((one) => receivedConfig(one, around.at, wants)),
    spill: { bytes: 1 << 30, ...raw.spill },
    record: { chunkBytes: 64 << 10, hotBytes: 64 << 20, ...raw.record },
    resync: { ...raw.resync },
    ...(raw.web === undefined ? {} : { web: webConfig(raw.web, around.at, wants) }),
    ...(raw.initiator === undefined ? {} : { initiator: raw.initiator }),
    log: { level: raw.log?.level ?? 'info' },
    ...decodingParts(raw),
    warnings: [],
  };
  return { config, wants, ...(raw.tls === undefined ? {} : { tls: raw.tls }) };
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
  const volumes = (raw.volumes ?? []).map(({ value }) => value);
  const ofBus = volumes.filter(isOfBus);
  for (const one of ofBus) {
    refuseMarkers(one, book);
    refuseCheckReads(one, raw.source?.value, book);
  }
  for (const { first } of ofBus) if (first !== undefined) twins.first(first);
  for (const { lu, blocks, blockSize } of ofBus) twins.volume(lu, blocks, blockSize);
  for (const one of volumes.filter(isReceived)) {
    if (one.name !== undefined) twins.received(one.name);
    if (one.history?.folder !== undefined) twins.own(one.history.folder);
  }
  for (const { mirrors } of volumes) for (const one of mirrors ?? []) twins.mirror(one);
  refuseLoops(volumes.filter(isReceived), raw.receive?.value.listen, book);
  if (raw.serve !== undefined) for (const one of servedMedia(raw.serve.value)) twins.served(one);
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
