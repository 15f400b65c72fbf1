import { type Field, group, list, number, type Placed, placed, type Unserved, whole } from './configCheck.ts';
import { bytes, flag, lu, portal } from './configValues.ts';

/** What `group` needs to know of each key. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

/** What volumes of both kinds have in common, as it is written. */
export interface RawVolume {
  lu: Placed<string>;
  portals?: Placed<string>[];
  blockSize?: number;
  blocks?: Placed<number>;
}

/** Whether checksums of a mirror's blocks are kept beside it (requirement D4). */
export const BLOCK_TABLE = { blockTable: { check: flag } } satisfies Fields<{ blockTable?: boolean }>;

export const VOLUME = {
  lu: { check: placed(lu), required: 'write "lu": "TARGET-NAME/LUN"' },
  portals: { check: list(placed(portal), 0, '["10.0.0.1:3260"]') },
  blockSize: { check: whole(256, 1 << 20, 'bytes') },
  blocks: { check: placed(whole(1, Number.MAX_SAFE_INTEGER, 'blocks')) },
} satisfies Fields<RawVolume>;

/** Those parts of a volume's configuration; keys that are absent stay absent. */
export function volumeParts(raw: RawVolume): { lu: string; portals: string[]; blockSize?: number; blocks?: number } {
  return {
    lu: raw.lu.value,
    portals: (raw.portals ?? []).map(({ value }) => value),
    ...(raw.blockSize === undefined ? {} : { blockSize: raw.blockSize }),
    ...(raw.blocks === undefined ? {} : { blocks: raw.blocks.value }),
  };
}

/** The smallest buffer that can hold a change worth keeping. */
const BUFFER_BYTES_MIN = 4096;

export interface RawBuffer {
  bytes?: number;
  threshold?: number;
}

export const BUFFER = {
  bytes: { check: bytes(BUFFER_BYTES_MIN) },
  threshold: {
    check: number(
      (share) => share >= 0 && share < 1,
      'a share of the buffer from 0 to below 1',
      'write 0.25 for a quarter',
    ),
  },
} satisfies Fields<RawBuffer>;

/** A day: a longer wait is a mistake in the unit. */
const DAY_MS = 86_400_000;

export interface RawDecoding {
  settleMs?: number;
  reorder?: { ms?: number; bytes?: number };
}

/** Keys of the decoder. */
export const DECODING = {
  settleMs: { check: whole(0, DAY_MS, 'milliseconds') },
  reorder: {
    check: group<NonNullable<RawDecoding['reorder']>>({
      ms: { check: whole(0, DAY_MS, 'milliseconds') },
      bytes: { check: bytes(0) },
    }),
  },
} satisfies Fields<RawDecoding>;

export function decodingParts(raw: RawDecoding): { settleMs: number; reorder: { ms: number; bytes: number } } {
  return { settleMs: raw.settleMs ?? 30_000, reorder: { ms: 500, bytes: 2 << 20, ...raw.reorder } };
}

const LATER_SOURCE: Unserved = {
  wrong: 'not in this version',
  mend: 'attach by "tap", "tee" or "probe", or replay a capture: "replay": ["bus.pcap"]',
};

/** Attachments of versions to come. */
export const SOURCES_LATER: Readonly<Record<string, Unserved>> = { target: LATER_SOURCE };
