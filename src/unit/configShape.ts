import { resolve } from 'node:path';
import type { UnitConfig, VolumeConfig } from './config.ts';
import { type Check, group, list, number, oneOf, type Placed, placed, type Unserved, whole } from './configCheck.ts';
import type { ConfigNode, Mistake } from './configTree.ts';
import { bytes, capturePath, type FileUrl, fileUrl, lu, luKey, portal } from './configValues.ts';

/** Where the configuration stands, and what to say to one that asks for a live tap. */
export interface Surroundings {
  /** Relative paths start here. */
  readonly folder: string;
  /** The configuration file's own absolute path. */
  readonly self: string;
  readonly tap: Unserved;
}

interface RawMirror {
  to: Placed<FileUrl>;
}

interface RawVolume {
  lu: Placed<string>;
  portals?: Placed<string>[];
  first?: Placed<FileUrl>;
  mirrors: RawMirror[];
  blockSize?: number;
  blocks?: Placed<number>;
}

interface RawConfig {
  source: { replay: Placed<string>[] };
  buffer?: { bytes?: number; threshold?: number; whenFull?: 'wait' | 'lbn' };
  volumes: RawVolume[];
  settleMs?: number;
  reorder?: { ms?: number; bytes?: number };
}

/** The smallest buffer that can hold a change worth keeping. */
const BUFFER_BYTES_MIN = 4096;
/** A day: a longer wait is a mistake in the unit. */
const DAY_MS = 86_400_000;

function unserved(what: string): Unserved {
  return { wrong: `${what} is not served by \`tapmirror mirror\` in this version`, mend: 'leave the key out' };
}

function attachment(what: string): Unserved {
  return { wrong: `${what} is not in this version`, mend: 'replay a capture: "replay": ["bus.pcap"]' };
}

const mirrorUrl = placed(fileUrl);
const mirrorGroup = group<RawMirror>(
  { to: { check: mirrorUrl, required: 'write "to": "file:PATH"' } },
  { buffer: unserved('a buffer of one mirror') },
);

/** A mirror is a URL, or a group of keys with the URL in `to`. */
const mirror: Check<RawMirror> = (node, where, book) => {
  if (node.kind === 'map') return mirrorGroup(node, where, book);
  const to = mirrorUrl(node, where, book);
  return to === undefined ? undefined : { to };
};

const volume = group<RawVolume>(
  {
    lu: { check: placed(lu), required: 'write "lu": "TARGET-NAME/LUN"' },
    portals: { check: list(placed(portal), 0, '["10.0.0.1:3260"]') },
    first: { check: placed(fileUrl) },
    mirrors: { check: list(mirror, 1, '["file:second.img"]'), required: 'write "mirrors": ["file:PATH"]' },
    blockSize: { check: whole(256, 1 << 20, 'bytes') },
    blocks: { check: placed(whole(1, Number.MAX_SAFE_INTEGER, 'blocks')) },
  },
  { name: unserved('a volume by name'), history: unserved('history') },
);

function shape(tap: Unserved): Check<RawConfig> {
  return group<RawConfig>(
    {
      source: {
        check: group<RawConfig['source']>(
          { replay: { check: list(placed(capturePath), 1, '["bus.pcap"]'), required: 'write "replay": ["bus.pcap"]' } },
          { tap, tee: attachment('the tee'), probe: attachment('the probe'), target: attachment('the target') },
        ),
        required: 'write "source": {"replay": ["bus.pcap"]}',
      },
      buffer: {
        check: group<NonNullable<RawConfig['buffer']>>({
          bytes: { check: bytes(BUFFER_BYTES_MIN) },
          threshold: {
            check: number(
              (share) => share >= 0 && share < 1,
              'a share of the buffer from 0 to below 1',
              'write 0.25 for a quarter',
            ),
          },
          whenFull: { check: oneOf(['wait', 'lbn']) },
        }),
      },
      volumes: {
        check: list(volume, 1, '[{"lu": ..., "mirrors": [...]}]'),
        required: 'write "volumes": [{"lu": ..., "mirrors": [...]}]',
      },
      settleMs: { check: whole(0, DAY_MS, 'milliseconds') },
      reorder: {
        check: group<NonNullable<RawConfig['reorder']>>({
          ms: { check: whole(0, DAY_MS, 'milliseconds') },
          bytes: { check: bytes(0) },
        }),
      },
    },
    {
      state: unserved('a state folder'),
      control: unserved('a control socket'),
      tls: unserved('a journey link'),
      receive: unserved('a journey link'),
    },
  );
}

/** The configuration in a tree; its mistakes go into `book`, and then the result means nothing. */
export function unitConfig(root: ConfigNode, around: Surroundings, book: Mistake[]): UnitConfig | undefined {
  const raw = shape(around.tap)(root, '', book);
  if (raw === undefined) return undefined;
  const at = (path: string) => (path === '-' ? path : resolve(around.folder, path));
  compare(raw, around, at, book);
  // The parts are complete only in a tree without mistakes.
  if (book.length > 0) return undefined;
  return {
    source: { replay: raw.source.replay.map(({ value }) => at(value)) },
    buffer: { bytes: 32 << 20, threshold: 0.25, whenFull: 'wait', ...raw.buffer },
    volumes: raw.volumes.map((one) => volumeConfig(one, at)),
    settleMs: raw.settleMs ?? 30_000,
    reorder: { ms: 500, bytes: 2 << 20, ...raw.reorder },
  };
}

function volumeConfig(raw: RawVolume, at: (path: string) => string): VolumeConfig {
  return {
    lu: raw.lu.value,
    portals: (raw.portals ?? []).map(({ value }) => value),
    ...(raw.first === undefined ? {} : { first: at(raw.first.value.path) }),
    mirrors: raw.mirrors.map(({ to }) => ({ to: to.value.to, path: at(to.value.path) })),
    ...(raw.blockSize === undefined ? {} : { blockSize: raw.blockSize }),
    ...(raw.blocks === undefined ? {} : { blocks: raw.blocks.value }),
  };
}

/** Mistakes that no value shows alone: twice the same, or a mirror that would overwrite what it is made from. */
function compare(raw: Partial<RawConfig>, around: Surroundings, at: (path: string) => string, book: Mistake[]): void {
  const taken = new Map<string, string>([[around.self, 'the configuration file itself']]);
  const lus = new Map<string, string>();
  const captures = new Map<string, string>();
  for (const capture of raw.source?.replay ?? []) {
    const path = at(capture.value);
    const other = captures.get(path);
    if (other !== undefined) {
      book.push({ ...place(capture), wrong: `the same source as ${other}`, mend: 'name each capture once' });
    }
    captures.set(path, capture.where);
    taken.set(path, `the capture ${capture.where}`);
  }
  for (const { first } of raw.volumes ?? []) {
    if (first !== undefined) taken.set(at(first.value.path), `the first volume ${first.where}`);
  }
  for (const one of raw.volumes ?? []) {
    if (one.lu !== undefined) {
      const key = luKey(one.lu.value);
      const other = lus.get(key);
      if (other !== undefined) {
        book.push({
          ...place(one.lu),
          wrong: `the same logical unit as ${other}`,
          mend: 'put its mirrors into one volume',
        });
      }
      lus.set(key, one.lu.where);
    }
    if (one.blocks !== undefined && one.blocks.value * (one.blockSize ?? 1) > Number.MAX_SAFE_INTEGER) {
      book.push({
        ...place(one.blocks),
        wrong: 'a capacity above 2^53-1 bytes',
        mend: 'give the number of blocks, not of bytes',
      });
    }
    for (const { to } of (one.mirrors ?? []).filter((entry) => entry.to !== undefined)) {
      const path = at(to.value.path);
      const other = taken.get(path);
      if (other !== undefined) {
        book.push({
          ...place(to),
          wrong: `a mirror onto ${path}, which is ${other}`,
          mend: 'give every mirror a file of its own',
        });
      }
      taken.set(path, `the mirror ${to.where}`);
    }
  }
}

function place({ at, where }: Placed<unknown>): { at: number; where: string } {
  return { at, where };
}
