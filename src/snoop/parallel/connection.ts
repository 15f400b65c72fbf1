import type { IoProcess, NexusIds, OpenHole } from './ioProcess.ts';
import { MessageReader } from './messages.ts';
import { NO_PHASE } from './word.ts';

/** Where a source of samples stands. */
export interface Moment {
  frame: number;
  time: number;
}

/** How a connection said that it would end. */
export type Farewell = 'none' | 'disconnect' | 'complete';

/** From selection or reselection to BUS FREE. */
export class Connection {
  readonly ids: NexusIds = { initiator: -1, target: -1, lun: -1, tag: -1 };
  readonly frame: number;
  /** The target called the initiator. */
  reselected = false;
  /** Its beginning was not seen. */
  joined = false;
  identified = false;
  io: IoProcess | undefined;
  /** The CDB so far; kept until something shows that it was taken. */
  readonly cdb: number[] = [];
  cdbWrong = false;
  /** When its COMMAND phase ended. */
  sent: Moment = { frame: 0, time: 0 };
  linked = false;
  /** A hole ended, and the beginning of what passes now may lie in it. */
  torn = false;
  /** Nanoseconds of it that were not seen while its process was not known. */
  blindNs = 0;
  /** Its command was not seen, or its nexus is not known. */
  ghost = false;
  dataOut = 0;
  dataIn = 0;
  status = -1;
  statusSure = true;
  farewell: Farewell = 'none';
  /** A message of the initiator that ends processes: its code, and whether a hole may have hidden others. */
  kills = -1;
  phase = NO_PHASE;
  phaseFrom = 0;
  /** The information phase that ended last. */
  lastPhase = NO_PHASE;
  readonly messageIn = new MessageReader();
  readonly messageOut: { byte: number; wrong: boolean }[] = [];
  /** The last byte of MESSAGE OUT came without ATN: it was the last one, and what follows comes again. */
  lastOut = false;
  /** What MODIFY DATA POINTER last added. */
  modified = 0;
  hole: OpenHole | undefined;

  constructor(frame: number) {
    this.frame = frame;
  }
}

/** Bytes of a CDB by its group (SPC-2); 0 where the vendor decides. */
export function cdbBytes(cdb: readonly number[]): number {
  switch (cdb[0] >> 5) {
    case 0:
      return 6;
    case 1:
    case 2:
      return 10;
    case 3:
      return cdb[0] === 0x7f ? (cdb.length > 7 ? cdb[7] + 8 : 8) : 0;
    case 4:
      return 16;
    case 5:
      return 12;
    default:
      return 0;
  }
}

/** All bytes of a CDB are there. */
export function isWhole(cdb: readonly number[]): boolean {
  return cdb.length > 0 && cdbBytes(cdb) === cdb.length;
}
