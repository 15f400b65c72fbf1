import { Fault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import type { EntryPlace } from '../../src/base/ordered.ts';
import { crc32c, digestAt } from '../iscsi/crc32c.ts';
import { uuidBytes, uuidText } from './queueUuid.ts';

/** A slot lies in one sector. */
export const STATE_SLOT_BYTES = 512;
/** UTF-8 bytes of the base's identity at most. */
export const STATE_IDENTITY_MAX = 256;

/** "tmstore" and the version of everything in the slot. */
const MAGIC = [0x746d7374, 0x6f726530] as const;
/** The second one has `shared`. */
const VERSIONS = [1, 2];
const CRC_AT = STATE_SLOT_BYTES - 4;
const SHARED_AT = 136;
const IDENTITY_AT = 186;
const CONSISTENT = 1;
const CLEAN = 2;
const DAMAGED = 4;
const SPACE_BYTES = 8;
const EPOCH_NONE = '00000000-0000-0000-0000-000000000000';

/** What a far store knows of itself apart from its contents. */
export interface StoreState {
  /** Counts up with every writing of a slot: the higher one counts. */
  readonly generation: number;
  readonly kind: 'history' | 'plain';
  /** A UUID for as long as the store lives, and another one for as long as it has lost nothing. */
  readonly store: string;
  readonly incarnation: string;
  /** Of the moment that the base (or the plain medium) durably holds. */
  readonly consistent: boolean;
  readonly place: EntryPlace | undefined;
  readonly at: bigint;
  /** Length of the volume then. */
  readonly bytes: number;
  readonly blockSize: number;
  /** Plain: closed in order, so that nothing above `place` was applied. */
  readonly clean: boolean;
  /** Entries that had been durable were lost, and the volume has not become consistent again since. */
  readonly damaged: boolean;
  /** Entries up to here are folded into the base. */
  readonly base: number;
  /** Entries up to here may lie in the base in part: a fold that was under way. At least `base`. */
  readonly foldTo: number;
  /** Entries from here on do not count any more; 0: all do. */
  readonly cutFrom: number;
  /** Entries up to here were durable for sure. */
  readonly acked: number;
  /** Plain: entries of `place`'s epoch above this number were not applied. */
  readonly reserved: number;
  /** The base's identity, as `Volume.identity` gives it. */
  readonly identity: string;
  /** Where an entry of the queue was in an order that volumes share (requirement C5). */
  readonly shared?: StoreOrder;
}

export interface StoreOrder {
  /** The base's number in it, of the process that `place` names; 0: none. */
  readonly base: number;
  /** The number up to which the queue's changes are known to be all, of the process of `space` (see `orderSpace`); 0: none. */
  readonly through: number;
  readonly space: string;
}

/** No process's. */
export const SPACE_NONE = '0000-000000000000';

/**
 * A slot, numbers big-endian: magic (8), version (2), kind (1: history, 2: plain), flags (1), block size (4), generation (8),
 * store (16), incarnation (16), epoch (16; zeros: no place), number (8), time (8), bytes (8), base (8), foldTo (8),
 * cutFrom (8), acked (8), reserved (8), of version 2 the shared order's base (8), through (8) and space (8), zeros (24 or 48), length of the identity (2), the identity in UTF-8, zeros, and the CRC-32C
 * of all that least significant byte first.
 */
export function stateSlot(state: StoreState): Uint8Array {
  const slot = new Uint8Array(STATE_SLOT_BYTES);
  const view = new DataView(slot.buffer);
  view.setUint32(0, MAGIC[0]);
  view.setUint32(4, MAGIC[1]);
  view.setUint16(8, state.shared ? 2 : 1);
  view.setUint8(10, state.kind === 'history' ? 1 : 2);
  const flags = (state.consistent ? CONSISTENT : 0) | (state.clean ? CLEAN : 0) | (state.damaged ? DAMAGED : 0);
  view.setUint8(11, flags);
  view.setUint32(12, state.blockSize);
  slot.set(uuidBytes(state.store), 24);
  slot.set(uuidBytes(state.incarnation), 40);
  slot.set(uuidBytes(state.place?.epoch ?? EPOCH_NONE), 56);
  view.setBigUint64(80, BigInt.asUintN(64, state.at));
  for (const [at, value] of numbersOf(state)) view.setBigUint64(at, BigInt(value));
  if (state.shared) putShared(slot, view, state.shared);
  const text = new TextEncoder().encode(state.identity);
  if (text.length > STATE_IDENTITY_MAX) throw new Fault('bug', `an identity of ${text.length} bytes`);
  view.setUint16(IDENTITY_AT - 2, text.length);
  slot.set(text, IDENTITY_AT);
  view.setUint32(CRC_AT, crc32c(slot, 0, CRC_AT), true);
  return slot;
}

function numbersOf(state: StoreState): [at: number, value: number][] {
  return [
    [16, state.generation],
    [72, state.place?.number ?? 0],
    [88, state.bytes],
    [96, state.base],
    [104, state.foldTo],
    [112, state.cutFrom],
    [120, state.acked],
    [128, state.reserved],
  ];
}

/** A slot that is whole and holds together, else why it is not believed. */
export function readStateSlot(slot: Uint8Array): StoreState | ParseFault {
  if (slot.length !== STATE_SLOT_BYTES) return parseFault(slot.length, 'the slot is cut');
  const view = new DataView(slot.buffer, slot.byteOffset, STATE_SLOT_BYTES);
  if (view.getUint32(0) !== MAGIC[0] || view.getUint32(4) !== MAGIC[1]) return parseFault(0, "not a store's state");
  if (crc32c(slot, 0, CRC_AT) !== digestAt(slot, CRC_AT)) return parseFault(CRC_AT, 'the checksum is wrong');
  const version = view.getUint16(8);
  if (!VERSIONS.includes(version)) return parseFault(8, `version ${version}, not one of ${VERSIONS.join(', ')}`);
  const kind = view.getUint8(10);
  if (kind !== 1 && kind !== 2) return parseFault(10, `a store of kind ${kind}`);
  const numbers = [16, 72, 88, 96, 104, 112, 120, 128, 136, 144].map((at) => view.getBigUint64(at));
  const wrong = numbers.findIndex((number) => number > BigInt(Number.MAX_SAFE_INTEGER));
  if (wrong >= 0) return parseFault(16, 'a number above 2^53-1');
  const [generation, number, bytes, base, foldTo, cutFrom, acked, reserved, sharedBase, through] = numbers.map(Number);
  if (foldTo < base) return parseFault(104, `a fold to ${foldTo} behind the base ${base}`);
  const length = view.getUint16(IDENTITY_AT - 2);
  if (length > STATE_IDENTITY_MAX) return parseFault(IDENTITY_AT - 2, `an identity of ${length} bytes`);
  const epoch = uuidText(slot.subarray(56, 72));
  const flags = view.getUint8(11);
  return {
    generation,
    kind: kind === 1 ? 'history' : 'plain',
    store: uuidText(slot.subarray(24, 40)),
    incarnation: uuidText(slot.subarray(40, 56)),
    consistent: (flags & CONSISTENT) !== 0,
    clean: (flags & CLEAN) !== 0,
    damaged: (flags & DAMAGED) !== 0,
    place: epoch === EPOCH_NONE ? undefined : { epoch, number },
    at: view.getBigInt64(80),
    bytes,
    blockSize: view.getUint32(12),
    base,
    foldTo,
    cutFrom,
    acked,
    reserved,
    identity: new TextDecoder().decode(slot.subarray(IDENTITY_AT, IDENTITY_AT + length)),
    ...(version < 2 ? {} : { shared: { base: sharedBase, through, space: spaceOf(slot) } }),
  };
}

function putShared(slot: Uint8Array, view: DataView, { base, through, space }: StoreOrder): void {
  view.setBigUint64(SHARED_AT, BigInt(base));
  view.setBigUint64(SHARED_AT + 8, BigInt(through));
  const hex = space.replace('-', '');
  for (let i = 0; i < SPACE_BYTES; i++) slot[SHARED_AT + 16 + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
}

function spaceOf(slot: Uint8Array): string {
  const bytes = slot.subarray(SHARED_AT + 16, SHARED_AT + 16 + SPACE_BYTES);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 4)}-${hex.slice(4)}`;
}
