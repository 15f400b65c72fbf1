import { copyOf } from '../../src/base/bytes.ts';
import { type ParseFault, parseFault } from '../../src/base/fault.ts';
import { crc32c, digestAt } from '../iscsi/crc32c.ts';
import { uuidBytes, uuidText } from './queueUuid.ts';

/** "tmlunit" and the version of everything in the file. */
const MAGIC = [0x746d6c75, 0x6e697430] as const;
const VERSION = 1;
const HEADER = 32;
const PART_HEADER = 8;
const NAMES = ['reservations', 'modes'] as const;
/** More than the largest registry of persistent reservations takes. */
export const LU_STATE_BYTES_MAX = 1 << 20;

export type LuStateName = (typeof NAMES)[number];

/** What a logical unit that is served keeps over restarts. */
export interface LuState {
  /** The logical unit's own UUID, from which its serial number is made where nobody chose one. */
  readonly id: string;
  readonly reservations?: Uint8Array;
  readonly modes?: Uint8Array;
}

/**
 * The file, numbers big-endian: magic (8), version (2), parts (2), length of the file (4), id (16); for each part its name
 * (4: 1 reservations, 2 modes), its length (4) and its bytes; and the CRC-32C of all that least significant byte first.
 */
export function luStateBytes(state: LuState): Uint8Array {
  const parts = NAMES.flatMap((name, i) => {
    const bytes = state[name];
    return bytes === undefined ? [] : [{ code: i + 1, bytes }];
  });
  const length = parts.reduce((sum, { bytes }) => sum + PART_HEADER + bytes.length, HEADER) + 4;
  const file = new Uint8Array(length);
  const view = new DataView(file.buffer);
  view.setUint32(0, MAGIC[0]);
  view.setUint32(4, MAGIC[1]);
  view.setUint16(8, VERSION);
  view.setUint16(10, parts.length);
  view.setUint32(12, length);
  file.set(uuidBytes(state.id), 16);
  let at = HEADER;
  for (const { code, bytes } of parts) {
    view.setUint32(at, code);
    view.setUint32(at + 4, bytes.length);
    file.set(bytes, at + PART_HEADER);
    at += PART_HEADER + bytes.length;
  }
  view.setUint32(at, crc32c(file, 0, at), true);
  return file;
}

/** What a whole file holds, else why it is not believed. */
export function readLuState(file: Uint8Array): LuState | ParseFault {
  if (file.length < HEADER + 4) return parseFault(file.length, 'the file is cut');
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (view.getUint32(0) !== MAGIC[0] || view.getUint32(4) !== MAGIC[1])
    return parseFault(0, 'not a state of this kind');
  const version = view.getUint16(8);
  if (version !== VERSION) return parseFault(8, `version ${version}, not ${VERSION}`);
  const end = view.getUint32(12) - 4;
  if (end !== file.length - 4) return parseFault(12, `${file.length} bytes, where ${end + 4} were written`);
  if (crc32c(file, 0, end) !== digestAt(file, end)) return parseFault(end, 'the checksum is wrong');
  const state: { -readonly [K in keyof LuState]: LuState[K] } = { id: uuidText(file.subarray(16, 32)) };
  let at = HEADER;
  for (let i = view.getUint16(10); i > 0; i--) {
    const length = at + PART_HEADER <= end ? view.getUint32(at + 4) : end;
    if (at + PART_HEADER + length > end) return parseFault(at, 'a part reaches behind the end');
    const name = NAMES[view.getUint32(at) - 1];
    if (name === undefined) return parseFault(at, 'a part of an unknown kind');
    state[name] = copyOf(file, at + PART_HEADER, at + PART_HEADER + length);
    at += PART_HEADER + length;
  }
  return at === end ? state : parseFault(at, 'bytes behind the last part');
}
