import type { SignalNames } from '../../base/samples.ts';
import type { Check } from './configCheck.ts';
import { group, list, oneOf, type Placed, placed, type Unserved } from './configCheck.ts';
import { fileUrl, type RawFile } from './configMedium.ts';
import {
  BUFFER,
  DECODING,
  decodingParts,
  type RawBuffer,
  type RawDecoding,
  type RawVolume,
  SOURCES_LATER,
  VOLUME,
  volumeParts,
} from './configParts.ts';
import type { Surroundings } from './configShape.ts';
import { signals } from './configSignals.ts';
import type { ConfigNode, Mistake } from './configTree.ts';
import { Twins } from './configTwins.ts';
import type { ReplayConfig } from './configTypes.ts';
import { capturePath } from './configValues.ts';

interface RawMirror {
  to: Placed<RawFile>;
}

interface RawReplayVolume extends RawVolume {
  first?: Placed<RawFile>;
  mirrors: RawMirror[];
}

interface RawReplay extends RawDecoding {
  source: { replay: Placed<string>[]; signals?: SignalNames };
  buffer?: RawBuffer & { whenFull?: 'wait' | 'lbn' };
  volumes: RawReplayVolume[];
}

const LIVE: Unserved = { wrong: 'a key for a live bus (`tapmirror run`), not for captures', mend: 'leave the key out' };

const mirrorUrl = placed(fileUrl);
const mirrorGroup = group<RawMirror>(
  { to: { check: mirrorUrl, required: 'write "to": "file:PATH"' } },
  { buffer: LIVE },
);

/** A mirror is a URL, or a group of keys with the URL in `to`. */
const mirror: Check<RawMirror> = (node, where, book) => {
  if (node.kind === 'map') return mirrorGroup(node, where, book);
  const to = mirrorUrl(node, where, book);
  return to === undefined ? undefined : { to };
};

const shape = group<RawReplay>(
  {
    source: {
      check: group<RawReplay['source']>(
        {
          replay: { check: list(placed(capturePath), 1, '["bus.pcap"]'), required: 'write "replay": ["bus.pcap"]' },
          signals: { check: signals },
        },
        { tap: LIVE, tee: LIVE, probe: LIVE, ...SOURCES_LATER },
      ),
      required: 'write "source": {"replay": ["bus.pcap"]}',
    },
    buffer: {
      check: group<NonNullable<RawReplay['buffer']>>({ ...BUFFER, whenFull: { check: oneOf(['wait', 'lbn']) } }),
    },
    volumes: {
      check: list(
        group<RawReplayVolume>(
          {
            ...VOLUME,
            first: { check: placed(fileUrl) },
            mirrors: { check: list(mirror, 1, '["file:second.img"]'), required: 'write "mirrors": ["file:PATH"]' },
          },
          { name: LIVE, history: LIVE },
        ),
        1,
        '[{"lu": ..., "mirrors": [...]}]',
      ),
      required: 'write "volumes": [{"lu": ..., "mirrors": [...]}]',
    },
    ...DECODING,
  },
  {
    state: LIVE,
    control: LIVE,
    controlGroup: LIVE,
    record: LIVE,
    resync: LIVE,
    initiator: LIVE,
    log: LIVE,
    tls: LIVE,
    receive: LIVE,
    spill: LIVE,
  },
);

/** A job for `tapmirror mirror`; its mistakes go into `book`, and then the result means nothing. */
export function replayConfig(root: ConfigNode, around: Surroundings, book: Mistake[]): ReplayConfig | undefined {
  const raw = shape(root, '', book);
  if (raw === undefined) return undefined;
  compare(raw, around, book);
  // The parts are complete only in a tree without mistakes.
  if (book.length > 0) return undefined;
  return {
    kind: 'replay',
    source: {
      replay: raw.source.replay.map(({ value }) => around.at(value)),
      ...(raw.source.signals === undefined ? {} : { signals: raw.source.signals }),
    },
    buffer: { bytes: 32 << 20, threshold: 0.25, whenFull: 'wait', ...raw.buffer },
    volumes: raw.volumes.map((one) => ({
      ...volumeParts(one),
      ...(one.first === undefined ? {} : { first: around.at(one.first.value.path) }),
      mirrors: one.mirrors.map(({ to }) => ({ to: to.value.to, path: around.at(to.value.path) })),
    })),
    ...decodingParts(raw),
  };
}

function compare(raw: Partial<RawReplay>, around: Surroundings, book: Mistake[]): void {
  const twins = new Twins(around, book);
  for (const capture of raw.source?.replay ?? []) twins.capture(capture);
  for (const { first } of raw.volumes ?? []) if (first !== undefined) twins.first(first);
  for (const { lu, blocks, blockSize, mirrors } of raw.volumes ?? []) {
    twins.volume(lu, blocks, blockSize);
    for (const one of mirrors ?? []) if (one.to !== undefined) twins.mirror(one.to);
  }
}
