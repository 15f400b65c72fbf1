import type { LuId } from './change.ts';

export type Nature = 'read' | 'write' | 'control';

/** Sense data in short: key, additional code and qualifier (SPC-5 section 4.4). */
export interface Sense {
  key: number;
  asc: number;
  ascq: number;
}

/** Why a command ended without a status of its own. */
export type Ending = 'status' | 'aborted' | 'connection-lost' | 'status-lost' | 'unfinished';

/**
 * One SCSI command as the bus showed it, from its command PDU to its end: a row of `decode`, a sample of `stat`.
 * Borrowed: the object is reused after the call that hands it out.
 */
export interface CommandView {
  /** 1-based frame that holds the command PDU's last byte, and the one with its status (0: none was seen). */
  frame: number;
  responseFrame: number;
  /** TCP connections in order of first appearance, from 0. */
  stream: number;
  /** Nanoseconds since 1970, of the command and of its status; the latter is 0n without a status. */
  at: bigint;
  /** Nanoseconds from command to status; -1 without a status. */
  latency: number;
  /** Initiator name, or its IP address while no login was seen. */
  host: string;
  /** Target name, or IP:PORT while no login was seen. */
  target: string;
  lu: LuId;
  lun: number;
  itt: number;
  /** Counts commands in the order they were sent: tells apart those of one frame. */
  ordinal: number;
  opcode: number;
  /** Standard name, for example `WRITE(10)`. */
  operation: string;
  nature: Nature;
  /** First LBN and count of blocks; -1 where the command has none. */
  lbn: number;
  blocks: number;
  /** The LBN where it is above 2^53-1 and `lbn` cannot hold it. */
  lbnExact: bigint | undefined;
  /** 0 while unknown. */
  blockSize: number;
  /** Expected Data Transfer Length, RFC 7143 section 11.3.4. */
  edtl: number;
  direction: 'r' | 'w' | 'bidi' | '-';
  /** SCSI status byte, -1 without one. */
  status: number;
  sense: Sense | undefined;
  ending: Ending;
  /** Payload bytes seen in each direction. */
  dataIn: number;
  dataOut: number;
  /** Commands outstanding at the LU when this one was sent, itself included. */
  queueDepth: number;
}
