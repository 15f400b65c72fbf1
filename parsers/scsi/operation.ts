import type { Nature } from '../../src/base/command.ts';

/** Which way data is expected to go; RFC 7143's R and W bits as `decode` prints them. */
export type Direction = 'r' | 'w' | 'bidi' | '-';

/**
 * What a write-natured command does to the medium, and so where its exact extents are found:
 * - `data`: the data-out bytes land at LBN (WRITE, WRITE AND VERIFY, WRITE ATOMIC, WRITE STREAM)
 * - `same`: one block of data (or zeros) over LBN + blocks (WRITE SAME)
 * - `unmap`: the parameter list names extents (`unmap.ts`)
 * - `compareWrite`: the second half of the data-out lands at LBN if the first half matched
 * - `scattered`: the parameter list names extents, data follows it (`scattered.ts`)
 * - `or`: the data-out is ORed into what lies at LBN (ORWRITE; the CDB's `bmop` may ask for something else)
 * - `extents`: LBN + blocks change, but not to the bytes that were sent (XOR commands, WRITE LONG)
 * - `token`: the parameter list names extents, the data is elsewhere (`copy.ts`)
 * - `xcopy`: the parameter list names LUs and extents (`copy.ts`)
 * - `reassign`: the parameter list names LBNs (`reassign.ts`)
 * - `wholeLu`: anything may have changed
 */
export type Effect =
  | 'none'
  | 'data'
  | 'same'
  | 'unmap'
  | 'compareWrite'
  | 'scattered'
  | 'or'
  | 'extents'
  | 'token'
  | 'xcopy'
  | 'reassign'
  | 'wholeLu';

/** Where a CDB keeps its fields: byte offsets, 0 where it has no such field (byte 0 is always the opcode). */
export interface Shape {
  /** Fewest bytes that the CDB must have. */
  readonly length: number;
  readonly lbnAt: number;
  /** 3 means the 21-bit address of the 6-byte commands. */
  readonly lbnBytes: number;
  readonly blocksAt: number;
  readonly blocksBytes: number;
  /** The byte with RDPROTECT/WRPROTECT/VRPROTECT (bits 7-5), DPO (bit 4) and FUA (bit 3). */
  readonly flagsAt: number;
  readonly groupAt: number;
  /** Allocation length of a data-in command, parameter list length of a data-out one. */
  readonly listAt: number;
  readonly listBytes: number;
}

/** What a transfer length or block count of zero stands for. */
export type ZeroBlocks = 'none' | '256' | 'toEnd';

/** One command of the standards. Shared and frozen: compare by identity. */
export interface Operation {
  /** The standard's name, for example `WRITE(10)`; `UNKNOWN(xxh)` where no standard has it. */
  readonly name: string;
  readonly opcode: number;
  /** -1 where the opcode has none. */
  readonly serviceAction: number;
  /** False: no standard defines it or the CDB was too short; the caller decides from the R and W bits. */
  readonly known: boolean;
  /** False where only other device types define it (tape, CD, changer, object store): on a disk it means anything. */
  readonly blockDevice: boolean;
  /** `read` only reads the medium, `write` may change it, `control` neither. */
  readonly nature: Nature;
  readonly direction: Direction;
  readonly effect: Effect;
  /** SYNCHRONIZE CACHE: what was acknowledged before is on the medium when it ends in GOOD. */
  readonly sync: boolean;
  /** MODE SELECT, FORMAT UNIT, ...: block size or capacity may be another one afterwards. */
  readonly mayChangeFormat: boolean;
  /** May write to LUs other than the one that it was sent to. */
  readonly thirdParty: boolean;
  /** GOOD says that the blocks are on the medium even without FUA (WRITE AND VERIFY, SBC-4 section 5.44). */
  readonly durable: boolean;
  readonly zeroBlocks: ZeroBlocks;
  readonly shape: Shape;
}

/** The rarer properties of an operation. */
export interface Traits {
  effect?: Effect;
  sync?: boolean;
  mayChangeFormat?: boolean;
  thirdParty?: boolean;
  durable?: boolean;
  blockDevice?: boolean;
  zeroBlocks?: ZeroBlocks;
}

const none = { lbnAt: 0, lbnBytes: 0, blocksAt: 0, blocksBytes: 0, flagsAt: 0, groupAt: 0, listAt: 0, listBytes: 0 };

/** A shape of `length` bytes with the given fields. */
export function shape(length: number, fields: Partial<Omit<Shape, 'length'>> = {}): Shape {
  return Object.freeze({ length, ...none, ...fields });
}

/** A shape whose only common field is an allocation or parameter list length. */
export function listShape(length: number, listAt: number, listBytes: number): Shape {
  return shape(length, { listAt, listBytes });
}

export const bare6 = shape(6);
export const bare10 = shape(10);
export const bare12 = shape(12);
export const bare16 = shape(16);
/** READ(6), WRITE(6) of SBC-2. */
export const rw6 = shape(6, { lbnAt: 1, lbnBytes: 3, blocksAt: 4, blocksBytes: 1 });
/** The layouts that READ, WRITE, VERIFY and their kin share: SPC-4 section 4.2.2, typical CDBs. */
export const rw10 = shape(10, { lbnAt: 2, lbnBytes: 4, blocksAt: 7, blocksBytes: 2, flagsAt: 1, groupAt: 6 });
export const rw12 = shape(12, { lbnAt: 2, lbnBytes: 4, blocksAt: 6, blocksBytes: 4, flagsAt: 1, groupAt: 10 });
export const rw16 = shape(16, { lbnAt: 2, lbnBytes: 8, blocksAt: 10, blocksBytes: 4, flagsAt: 1, groupAt: 14 });
export const rw32 = shape(32, { lbnAt: 12, lbnBytes: 8, blocksAt: 28, blocksBytes: 4, flagsAt: 10, groupAt: 6 });

/** Builds an operation; every one has the same hidden class, so that the lookups stay monomorphic. */
export function operation(
  opcode: number,
  serviceAction: number,
  name: string,
  nature: Nature,
  direction: Direction,
  layout: Shape,
  traits: Traits = {},
  known = true,
): Operation {
  return Object.freeze({
    name,
    opcode,
    serviceAction,
    known,
    blockDevice: traits.blockDevice ?? true,
    nature,
    direction,
    effect: traits.effect ?? 'none',
    sync: traits.sync ?? false,
    mayChangeFormat: traits.mayChangeFormat ?? false,
    thirdParty: traits.thirdParty ?? false,
    durable: traits.durable ?? false,
    zeroBlocks: traits.zeroBlocks ?? 'none',
    shape: layout,
  });
}

/** An operation without a service action. */
export function op(
  opcode: number,
  name: string,
  nature: Nature,
  direction: Direction,
  layout: Shape,
  traits?: Traits,
): Operation {
  return operation(opcode, -1, name, nature, direction, layout, traits);
}
