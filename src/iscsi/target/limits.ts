import type { TargetLimits } from './types.ts';

const MIB = 1024 * 1024;

export const DEFAULT_LIMITS: Readonly<TargetLimits> = {
  connections: 256,
  connectionsPerSession: 4,
  sessions: 128,
  commands: 128,
  immediates: 32,
  bytes: 256 * MIB,
  sessionBytes: 64 * MIB,
  unsolicitedBytes: 64 * MIB,
  outputBytes: 16 * MIB,
  loginMs: 15_000,
  pingMs: 15_000,
  pongMs: 15_000,
  dataMs: 60_000,
};

/** What we declare, or offer at most, in the operational stage (RFC 7143 section 13); bytes. */
export const RECEIVE_SEGMENT_MAX = 262144;
export const MAX_BURST_LENGTH: number = MIB;
export const FIRST_BURST_LENGTH = 262144;
export const MAX_OUTSTANDING_R2T = 8;
/** Data segments before the end of the login, and text of one exchange after it. */
export const TEXT_SEGMENT_MAX = 65536;
/** An ordinary login takes three to six exchanges. */
export const LOGIN_EXCHANGES_MAX = 32;

export const MS = 1e6;
