import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { textNumber } from '../../../parsers/iscsi/text.ts';
import { Fault } from '../../base/fault.ts';

/** What a session goes by once its login is over (RFC 7143 section 13); lengths in bytes. */
export interface SessionParameters {
  headerDigest: boolean;
  dataDigest: boolean;
  initialR2T: boolean;
  immediateData: boolean;
  firstBurstLength: number;
  maxBurstLength: number;
  maxOutstandingR2T: number;
  /** The longest data segment that the target takes: its MaxRecvDataSegmentLength. */
  sendSegmentMax: number;
  /** The longest that we declared to take. */
  receiveSegmentMax: number;
}

/** Digests that are offered, `CRC32C,None`, where true; `None` elsewhere. */
export interface DigestOffer {
  header: boolean;
  data: boolean;
}

/** What holds where the target says nothing (RFC 7143 section 13); tgt for one never declares its segment length. */
export function defaultParameters(): SessionParameters {
  return {
    headerDigest: false,
    dataDigest: false,
    initialR2T: true,
    immediateData: true,
    firstBurstLength: 65536,
    maxBurstLength: 262144,
    maxOutstandingR2T: 1,
    sendSegmentMax: 8192,
    receiveSegmentMax: RECEIVE_SEGMENT_MAX,
  };
}

const RECEIVE_SEGMENT_MAX = 262144;
const FIRST_BURST = 262144;
const MAX_BURST = 1048576;
const OUTSTANDING_R2T = 8;

/** The keys of the operational stage. Data is asked for in order, so that a gap shows at once. */
export function operationalOffer(digests: DigestOffer): [string, string][] {
  const digest = (offered: boolean): string => (offered ? 'CRC32C,None' : 'None');
  return [
    ['HeaderDigest', digest(digests.header)],
    ['DataDigest', digest(digests.data)],
    ['MaxConnections', '1'],
    ['InitialR2T', 'No'],
    ['ImmediateData', 'Yes'],
    ['MaxRecvDataSegmentLength', String(RECEIVE_SEGMENT_MAX)],
    ['MaxBurstLength', String(MAX_BURST)],
    ['FirstBurstLength', String(FIRST_BURST)],
    ['DefaultTime2Wait', '0'],
    ['DefaultTime2Retain', '0'],
    ['MaxOutstandingR2T', String(OUTSTANDING_R2T)],
    ['DataPDUInOrder', 'Yes'],
    ['DataSequenceInOrder', 'Yes'],
    ['ErrorRecoveryLevel', '0'],
  ];
}

/** What has no meaning where only discovery is done (RFC 7143 section 13: "irrelevant when: SessionType=Discovery"). */
const OF_COMMANDS = new Set([
  'MaxConnections',
  'InitialR2T',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
  'MaxOutstandingR2T',
  'DataPDUInOrder',
  'DataSequenceInOrder',
]);

/** The keys of the operational stage of a discovery session. */
export function discoveryOffer(digests: DigestOffer): [string, string][] {
  return operationalOffer(digests).filter(([key]) => !OF_COMMANDS.has(key));
}

/** Keys that a target declares or answers, so that they need no answer of ours. */
const SETTLED = new Set([
  ...operationalOffer({ header: false, data: false }).map(([key]) => key),
  'TargetAlias',
  'TargetAddress',
  'TargetPortalGroupTag',
  'AuthMethod',
]);

/** Our answers to keys that the target offered on its own. */
export function answersTo(keys: TextKeys): [string, string][] {
  const answers: [string, string][] = [];
  for (const [key, value] of keys) {
    if (SETTLED.has(key) || key.startsWith('CHAP_')) continue;
    // The target's own word about a key that we never offered: nothing is owed.
    if (value === 'NotUnderstood' || value === 'Irrelevant' || value === 'Reject') continue;
    // Markers are gone since RFC 7143, but RFC 3720's targets may still offer them, and know this answer.
    answers.push([key, key === 'IFMarker' || key === 'OFMarker' ? 'No' : 'NotUnderstood']);
  }
  return answers;
}

/**
 * Takes over what the target answered and declared (RFC 7143 sections 6.2 and 13). A key it left out, or rejected, stays
 * at its default. Throws a `Fault` that blames the target for a value that cannot be.
 */
export function applyAnswers(into: SessionParameters, keys: TextKeys, offer: DigestOffer, peer: string): void {
  const wrong = (key: string, value: string): Fault =>
    new Fault('peer', `${peer}: the target answers ${key}=${shown(value)}, which is no answer to what was offered`);
  const told = (key: string): string | undefined => {
    const value = keys.get(key);
    return value === 'Reject' || value === 'NotUnderstood' || value === 'Irrelevant' ? undefined : value;
  };
  const number = (key: string, from: number, to: number, before: number): number => {
    const value = told(key);
    if (value === undefined) return before;
    const n = textNumber(value);
    if (n === undefined || n < from || n > to) throw wrong(key, value);
    return n;
  };
  const yes = (key: string, before: boolean): boolean => {
    const value = told(key);
    if (value === undefined) return before;
    if (value !== 'Yes' && value !== 'No') throw wrong(key, value);
    return value === 'Yes';
  };
  const digest = (key: string, offered: boolean, before: boolean): boolean => {
    const value = told(key);
    if (value === undefined) return before;
    if (value !== 'None' && !(value === 'CRC32C' && offered)) throw wrong(key, value);
    return value === 'CRC32C';
  };
  into.headerDigest = digest('HeaderDigest', offer.header, into.headerDigest);
  into.dataDigest = digest('DataDigest', offer.data, into.dataDigest);
  into.initialR2T = yes('InitialR2T', into.initialR2T);
  into.immediateData = yes('ImmediateData', into.immediateData);
  into.sendSegmentMax = number('MaxRecvDataSegmentLength', 512, 0xffffff, into.sendSegmentMax);
  into.maxBurstLength = Math.min(MAX_BURST, number('MaxBurstLength', 512, 0xffffff, into.maxBurstLength));
  const firstBurst = number('FirstBurstLength', 512, 0xffffff, into.firstBurstLength);
  // RFC 7143 section 13.14: a first burst is never longer than a burst.
  into.firstBurstLength = Math.min(FIRST_BURST, into.maxBurstLength, firstBurst);
  into.maxOutstandingR2T = Math.min(OUTSTANDING_R2T, number('MaxOutstandingR2T', 1, 65535, into.maxOutstandingR2T));
  if (number('ErrorRecoveryLevel', 0, 2, 0) > 0) throw wrong('ErrorRecoveryLevel', told('ErrorRecoveryLevel') ?? '');
  for (const key of ['DataPDUInOrder', 'DataSequenceInOrder']) {
    if (!yes(key, true)) throw wrong(key, 'No');
  }
}

/** A value off the wire as a message may show it. */
export function shown(value: string): string {
  const clean = value.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > 64 ? `${clean.slice(0, 64)}...` : clean;
}
