import { u16, u32 } from '../../parsers/bytes.ts';
import type { TransportId } from '../../parsers/scsi/transportId.ts';
import { parseTransportId, transportIdLength } from '../../parsers/scsi/transportId.ts';
import { isParseFault } from '../base/fault.ts';
import { invalidList, shortList } from './refusal.ts';

/** What a PERSISTENT RESERVE OUT carries, SPC-5 section 6.17.3. */
export interface ReserveList {
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly allTargetPorts: boolean;
  /** APTPL. */
  readonly keep: boolean;
  /** SPEC_I_PT: who is to be registered as well; undefined without it. */
  readonly others: readonly TransportId[] | undefined;
}

/** REGISTER AND MOVE, SPC-5 section 6.17.4. */
export interface MoveList {
  readonly key: bigint;
  readonly serviceActionKey: bigint;
  readonly unregister: boolean;
  readonly keep: boolean;
  readonly targetPort: number;
  readonly to: TransportId;
}

const BASIC_LENGTH = 24;

/** The basic parameter list. Throws a `Refusal`. */
export function readReserveList(list: Uint8Array): ReserveList {
  if (list.length < BASIC_LENGTH) throw shortList();
  const specifies = (list[20] & 0x08) !== 0;
  if (!specifies && list.length !== BASIC_LENGTH) throw shortList();
  return {
    key: keyAt(list, 0),
    serviceActionKey: keyAt(list, 8),
    allTargetPorts: (list[20] & 0x04) !== 0,
    keep: (list[20] & 0x01) !== 0,
    others: specifies ? transportIds(list) : undefined,
  };
}

function transportIds(list: Uint8Array): TransportId[] {
  if (list.length < BASIC_LENGTH + 4) throw shortList();
  const end = BASIC_LENGTH + 4 + u32(list, BASIC_LENGTH);
  if (end > list.length) throw shortList();
  const ids: TransportId[] = [];
  let at = BASIC_LENGTH + 4;
  while (at < end) {
    const length = transportIdLength(list, at, end);
    if (length === 0) throw invalidList(BASIC_LENGTH);
    ids.push(transportIdAt(list, at, length));
    at += length;
  }
  return ids;
}

function transportIdAt(list: Uint8Array, at: number, length: number): TransportId {
  const id = parseTransportId(list, at, length);
  if (isParseFault(id)) throw invalidList(id.offset);
  return id;
}

export function readMoveList(list: Uint8Array): MoveList {
  if (list.length < BASIC_LENGTH) throw shortList();
  const idLength = u32(list, 20);
  if (BASIC_LENGTH + idLength !== list.length) throw shortList();
  const length = transportIdLength(list, BASIC_LENGTH, list.length);
  if (length === 0 || length !== idLength) throw invalidList(20);
  return {
    key: keyAt(list, 0),
    serviceActionKey: keyAt(list, 8),
    unregister: (list[17] & 0x02) !== 0,
    keep: (list[17] & 0x01) !== 0,
    targetPort: u16(list, 18),
    to: transportIdAt(list, BASIC_LENGTH, length),
  };
}

function keyAt(list: Uint8Array, at: number): bigint {
  return (BigInt(u32(list, at)) << 32n) | BigInt(u32(list, at + 4));
}
