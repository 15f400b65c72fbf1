import { CONTINUE, FULL_FEATURE, OPERATIONAL, SECURITY, TRANSIT } from '../../../parsers/iscsi/headers.ts';
import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { MAX_TEXT_BYTES, parseTextStrictly, textBytes } from '../../../parsers/iscsi/text.ts';
import { allowed, sameName } from './access.ts';
import { LOGIN_EXCHANGES_MAX, RECEIVE_SEGMENT_MAX } from './limits.ts';
import { defaultParameters, negotiate, type Parameters } from './negotiate.ts';
import type { Request } from './request.ts';
import { Security } from './security.ts';
import { TextGatherer, TextSender } from './textParts.ts';
import type { TargetOptions, TargetPeer, TargetSpec } from './types.ts';

/** Status class and detail of a refusal, RFC 7143 section 11.13.5. */
export const Refusal = {
  initiatorError: 0x0200,
  authentication: 0x0201,
  forbidden: 0x0202,
  notFound: 0x0203,
  version: 0x0205,
  tooManyConnections: 0x0206,
  missing: 0x0207,
  sessionType: 0x0209,
  noSession: 0x020a,
  invalid: 0x020b,
  unavailable: 0x0301,
  outOfResources: 0x0302,
} as const;

/** One request's answer. */
export type LoginAnswer =
  | { kind: 'send'; flags: number; text: Uint8Array }
  /** As `send`, once the session stands. */
  | { kind: 'join'; flags: number; text: Uint8Array }
  | { kind: 'refuse'; status: number; why: string };

/** Data segments of a login response: nothing longer was declared yet (RFC 7143 section 13.12). */
const RESPONSE_MAX = 8192;
const NAME = /^[\x21-\x7e]{1,223}$/;

/**
 * The target's side of the login phase of one connection (RFC 7143 sections 6.3 and 11.12): who it is, what it may, what
 * it goes by.
 */
export class Login {
  readonly #options: TargetOptions;
  readonly #peer: TargetPeer;
  readonly #maxConnections: number;
  readonly #gatherer = new TextGatherer(MAX_TEXT_BYTES);
  readonly #sender = new TextSender();
  readonly #seen = new Set<string>();
  readonly parameters: Parameters = defaultParameters();
  #security: Security | undefined;
  #stage = -1;
  #exchanges = 0;
  #declared = false;
  /** The end of a stage, answered once the last of its text is sent. */
  #ending = 0;
  readonly isid = new Uint8Array(6);
  tsih = 0;
  cid = 0;
  cmdSn = 0;
  initiator = '';
  alias: string | undefined;
  discovery = false;
  target: TargetSpec | undefined;

  constructor(options: TargetOptions, peer: TargetPeer, maxConnections: number) {
    this.#options = options;
    this.#peer = peer;
    this.#maxConnections = maxConnections;
  }

  get user(): string | undefined {
    return this.#security?.user;
  }

  /** One login request with its data segment, which is borrowed. */
  request(request: Request, text: Uint8Array): LoginAnswer {
    const { flags } = request;
    const stage = (flags >> 2) & 3;
    const [ends, more] = [(flags & TRANSIT) !== 0, (flags & CONTINUE) !== 0];
    if (++this.#exchanges > LOGIN_EXCHANGES_MAX) return refuse(Refusal.initiatorError, 'does not come to an end');
    if (this.#stage < 0) this.#first(request, stage);
    else if (request.cid !== this.cid || request.tsih !== this.tsih || !this.#sameIsid(request)) {
      return refuse(Refusal.invalid, 'changes who it is half-way');
    }
    if (request.versionMin > 0) return refuse(Refusal.version, 'wants another version of the protocol');
    if (stage !== this.#stage || stage > OPERATIONAL) return refuse(Refusal.invalid, 'is in another stage');
    if (ends && more) return refuse(Refusal.invalid, 'both ends a stage and continues its text');
    const next = flags & 3;
    if (ends && (next <= stage || next === 2)) return refuse(Refusal.invalid, 'goes on to a stage that there is not');
    if (!this.#gatherer.add(text)) return refuse(Refusal.initiatorError, 'sends text without end');
    if (more) return this.#send(0, new Uint8Array(0));
    const part = this.#sender.next(RESPONSE_MAX);
    if (part !== undefined) {
      if (text.length > 0) return refuse(Refusal.invalid, 'does not wait for the rest of the answer');
      return this.#part(part);
    }
    const keys = parseTextStrictly(this.#gatherer.whole());
    if (keys === undefined)
      return refuse(Refusal.initiatorError, 'sends text that breaks the rules of keys and values');
    return this.#whole(keys, ends, next);
  }

  #first(request: Request, stage: number): void {
    this.#stage = stage;
    this.isid.set(request.bytes.subarray(8, 14));
    this.tsih = request.tsih;
    this.cid = request.cid;
    this.cmdSn = request.cmdSn;
  }

  #sameIsid({ bytes }: Request): boolean {
    return this.isid.every((byte, i) => byte === bytes[8 + i]);
  }

  #whole(keys: TextKeys, ends: boolean, next: number): LoginAnswer {
    for (const key of keys.keys()) {
      if (this.#seen.has(key)) return refuse(Refusal.initiatorError, 'negotiates a key twice');
      this.#seen.add(key);
    }
    const answers: [string, string][] = [];
    if (this.#security === undefined) {
      const refused = this.#identify(keys);
      if (refused) return refused;
      if (this.target) {
        if (this.target.alias !== undefined) answers.push(['TargetAlias', this.target.alias]);
        answers.push(['TargetPortalGroupTag', String(this.target.tag ?? 1)]);
      }
    }
    const security = this.#security as Security;
    let done = true;
    if (this.#stage === SECURITY) {
      const reply = security.step(keys, ends);
      if ('refused' in reply) return refuse(Refusal.authentication, reply.refused);
      done = reply.done;
      answers.push(...reply.keys);
    } else if (!security.finished) return refuse(Refusal.authentication, 'skips the authentication');
    const operational = this.#operational(keys);
    if (operational === undefined) return refuse(Refusal.initiatorError, 'declares a length that cannot be');
    answers.push(...operational);
    const leaves = ends && done;
    if (leaves && next === FULL_FEATURE && !this.#digestsFit) {
      return refuse(Refusal.initiatorError, 'does not agree to the digests that are required');
    }
    this.#ending = leaves ? TRANSIT | next : 0;
    this.#sender.put(textBytes(answers));
    return this.#part(this.#sender.next(RESPONSE_MAX) ?? new Uint8Array(0));
  }

  /** Undefined where a declaration, which nobody answers, cannot be. */
  #operational(keys: TextKeys): [string, string][] | undefined {
    const answers = negotiate(keys, this.parameters, {
      leading: this.tsih === 0,
      maxConnections: this.discovery ? 1 : this.#maxConnections,
      digests: this.target?.digests === 'required',
    });
    if (answers.some(([key]) => key === 'MaxRecvDataSegmentLength')) return undefined;
    if (this.#stage === OPERATIONAL && !this.#declared) {
      this.#declared = true;
      answers.push(['MaxRecvDataSegmentLength', String(RECEIVE_SEGMENT_MAX)]);
    }
    return answers;
  }

  get #digestsFit(): boolean {
    const { headerDigest, dataDigest } = this.parameters;
    return this.target?.digests !== 'required' || (headerDigest && dataDigest);
  }

  /** A part of the answer; the stage ends with the last one only. */
  #part(part: Uint8Array): LoginAnswer {
    if (this.#sender.waiting) return this.#send(CONTINUE, part);
    const ending = this.#ending;
    this.#ending = 0;
    const answer = this.#send(ending, part);
    if (ending === 0) return answer;
    this.#stage = ending & 3;
    return this.#stage === FULL_FEATURE ? { ...answer, kind: 'join' } : answer;
  }

  #send(flags: number, text: Uint8Array): { kind: 'send'; flags: number; text: Uint8Array } {
    return { kind: 'send', flags: flags | (this.#stage << 2), text };
  }

  /** Who wants what: the keys of a connection's first request. */
  #identify(keys: TextKeys): LoginAnswer | undefined {
    const initiator = keys.get('InitiatorName');
    if (initiator === undefined) return refuse(Refusal.missing, 'does not say its name');
    if (!NAME.test(initiator)) return refuse(Refusal.initiatorError, 'has no name');
    this.initiator = initiator;
    this.alias = keys.get('InitiatorAlias');
    const type = keys.get('SessionType') ?? 'Normal';
    if (type !== 'Normal' && type !== 'Discovery')
      return refuse(Refusal.sessionType, 'wants a session of no known type');
    this.discovery = type === 'Discovery';
    const { discoveryAuth, algorithms, random } = this.#options;
    let auth = discoveryAuth;
    if (!this.discovery) {
      const name = keys.get('TargetName');
      if (name === undefined) return refuse(Refusal.missing, 'does not say which target');
      const target = this.#options.targets.find((each) => sameName(each.name, name));
      if (target === undefined) return refuse(Refusal.notFound, 'wants a target that there is not');
      if (!allowed(target.allow, initiator, this.#peer.address)) {
        return refuse(Refusal.forbidden, `is not allowed to use ${target.name}`);
      }
      this.target = target;
      auth = target.auth;
    }
    this.#security = new Security(auth, algorithms, random);
    return undefined;
  }
}

function refuse(status: number, why: string): LoginAnswer {
  return { kind: 'refuse', status, why };
}
