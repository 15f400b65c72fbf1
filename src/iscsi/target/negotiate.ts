import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { textNumber } from '../../../parsers/iscsi/text.ts';
import { FIRST_BURST_LENGTH, MAX_BURST_LENGTH, MAX_OUTSTANDING_R2T } from './limits.ts';

/** What a session and its connection go by (RFC 7143 section 13); lengths in bytes. */
export interface Parameters {
  headerDigest: boolean;
  dataDigest: boolean;
  /** The longest data segment that the initiator takes. */
  sendSegmentMax: number;
  maxConnections: number;
  initialR2T: boolean;
  immediateData: boolean;
  firstBurstLength: number;
  maxBurstLength: number;
  maxOutstandingR2T: number;
}

/** What holds where nothing is said (RFC 7143 section 13). */
export function defaultParameters(): Parameters {
  return {
    headerDigest: false,
    dataDigest: false,
    sendSegmentMax: 8192,
    maxConnections: 1,
    initialR2T: true,
    immediateData: true,
    firstBurstLength: 65536,
    maxBurstLength: 262144,
    maxOutstandingR2T: 1,
  };
}

export interface NegotiationPolicy {
  /** The first connection of its session: the only one that settles what the session goes by (use "LO"). */
  leading: boolean;
  maxConnections: number;
  /** CRC32C is chosen wherever it is offered. */
  digests: boolean;
}

type Answer = string | undefined;
type Rule = (value: string, p: Parameters, policy: NegotiationPolicy, keys: TextKeys) => Answer;

const REJECT = 'Reject';
const LENGTH_MAX = 0xffffff;

/** A key of which the lesser value wins, or with `Math.max` the greater; `ours` is what we would have. */
function number(
  from: number,
  to: number,
  choose: (theirs: number, policy: NegotiationPolicy, p: Parameters, keys: TextKeys) => number,
  put?: (p: Parameters, n: number) => void,
): Rule {
  return (value, p, policy, keys) => {
    const theirs = textNumber(value);
    if (theirs === undefined || theirs < from || theirs > to) return REJECT;
    const chosen = choose(theirs, policy, p, keys);
    put?.(p, chosen);
    return String(chosen);
  };
}

function yes(choose: (theirs: boolean) => boolean, put?: (p: Parameters, b: boolean) => void): Rule {
  return (value, p) => {
    if (value !== 'Yes' && value !== 'No') return REJECT;
    const chosen = choose(value === 'Yes');
    put?.(p, chosen);
    return chosen ? 'Yes' : 'No';
  };
}

function digest(put: (p: Parameters, on: boolean) => void): Rule {
  return (value, p, policy) => {
    const offered = value.split(',');
    const chosen =
      policy.digests && offered.includes('CRC32C')
        ? 'CRC32C'
        : offered.find((name) => name === 'CRC32C' || name === 'None');
    if (chosen === undefined) return REJECT;
    put(p, chosen === 'CRC32C');
    return chosen;
  };
}

/** Only the leading connection may settle it. */
function leading(rule: Rule): Rule {
  return (value, p, policy, keys) => (policy.leading ? rule(value, p, policy, keys) : REJECT);
}

/** Nothing is owed for what a side only declares. */
const declared: Rule = () => undefined;

/** What the other side's answer to MaxBurstLength will be, if it offers it beside. */
function burstMax(p: Parameters, keys: TextKeys): number {
  const theirs = textNumber(keys.get('MaxBurstLength') ?? '');
  return theirs === undefined ? p.maxBurstLength : Math.min(theirs, MAX_BURST_LENGTH);
}

const RULES: Readonly<Record<string, Rule>> = {
  HeaderDigest: digest((p, on) => {
    p.headerDigest = on;
  }),
  DataDigest: digest((p, on) => {
    p.dataDigest = on;
  }),
  MaxRecvDataSegmentLength: (value, p) => {
    const theirs = textNumber(value);
    if (theirs === undefined || theirs < 512 || theirs > LENGTH_MAX) return REJECT;
    p.sendSegmentMax = theirs;
    return undefined;
  },
  MaxConnections: leading(
    number(
      1,
      65535,
      (theirs, { maxConnections }) => Math.min(theirs, maxConnections),
      (p, n) => {
        p.maxConnections = n;
      },
    ),
  ),
  InitialR2T: leading(
    yes(
      (theirs) => theirs,
      (p, b) => {
        p.initialR2T = b;
      },
    ),
  ),
  ImmediateData: leading(
    yes(
      (theirs) => theirs,
      (p, b) => {
        p.immediateData = b;
      },
    ),
  ),
  MaxBurstLength: leading(
    number(
      512,
      LENGTH_MAX,
      (theirs) => Math.min(theirs, MAX_BURST_LENGTH),
      (p, n) => {
        p.maxBurstLength = n;
      },
    ),
  ),
  FirstBurstLength: leading(
    number(
      512,
      LENGTH_MAX,
      // It must not be longer than the other (section 13.14).
      (theirs, _policy, p, keys) => Math.min(theirs, FIRST_BURST_LENGTH, burstMax(p, keys)),
      (p, n) => {
        p.firstBurstLength = n;
      },
    ),
  ),
  DefaultTime2Wait: leading(number(0, 3600, (theirs) => theirs)),
  DefaultTime2Retain: leading(number(0, 3600, () => 0)),
  MaxOutstandingR2T: leading(
    number(
      1,
      65535,
      (theirs) => Math.min(theirs, MAX_OUTSTANDING_R2T),
      (p, n) => {
        p.maxOutstandingR2T = n;
      },
    ),
  ),
  DataPDUInOrder: leading(yes(() => true)),
  DataSequenceInOrder: leading(yes(() => true)),
  ErrorRecoveryLevel: leading(number(0, 2, () => 0)),
  TaskReporting: leading((value) => (value.split(',').includes('RFC3720') ? 'RFC3720' : REJECT)),
  iSCSIProtocolLevel: leading(number(0, 31, (theirs) => Math.min(theirs, 1))),
  // Gone since RFC 7143; initiators of RFC 3720 still ask and know these answers.
  IFMarker: yes(() => false),
  OFMarker: yes(() => false),
  IFMarkInt: () => 'Irrelevant',
  OFMarkInt: () => 'Irrelevant',
  RDMAExtensions: yes(() => false),
  SendTargets: () => REJECT,
  NodeArchitecture: declared,
  InitiatorName: declared,
  InitiatorAlias: declared,
  TargetName: declared,
  SessionType: declared,
};

/** A peer's word about a key of ours, which calls for none back. */
const WORDS = ['NotUnderstood', 'Irrelevant', REJECT];

/**
 * The answers that are owed to `keys` (RFC 7143 sections 6.2 and 13), and what they settle put into `p`. Keys of the
 * security stage are somebody else's.
 */
export function negotiate(keys: TextKeys, p: Parameters, policy: NegotiationPolicy): [string, string][] {
  const answers: [string, string][] = [];
  for (const [key, value] of keys) {
    if (WORDS.includes(value) || key === 'AuthMethod' || key.startsWith('CHAP_')) continue;
    const rule = Object.hasOwn(RULES, key) ? RULES[key] : undefined;
    const answer = rule === undefined ? 'NotUnderstood' : rule(value, p, policy, keys);
    if (answer !== undefined) answers.push([key, answer]);
  }
  if (p.firstBurstLength > p.maxBurstLength) p.firstBurstLength = p.maxBurstLength;
  return answers;
}
