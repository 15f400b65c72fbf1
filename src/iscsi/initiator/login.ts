import { CONTINUE, FULL_FEATURE, OPERATIONAL, SECURITY, TRANSIT } from '../../../parsers/iscsi/headers.ts';
import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { MAX_TEXT_BYTES, parseText, textBytes } from '../../../parsers/iscsi/text.ts';
import { loginStatusWords } from '../../../parsers/iscsi/words.ts';
import { copyOf } from '../../base/bytes.ts';
import { Fault } from '../../base/fault.ts';
import { Authentication, type Credentials } from './authentication.ts';
import {
  answersTo,
  applyAnswers,
  type DigestOffer,
  defaultParameters,
  discoveryOffer,
  operationalOffer,
  type SessionParameters,
} from './parameters.ts';

export interface LoginOptions {
  /** The target in words, for messages: `host:port`. */
  peer: string;
  initiatorName: string;
  targetName: string;
  /** The session is there for discovery only (section 4.3): the target's name is told to nobody. */
  discovery?: boolean | undefined;
  /** What the target asks for; absent: no authentication is offered. */
  credentials: Credentials | undefined;
  /** CHAP algorithms to offer, by number, best first. */
  algorithms: readonly number[];
  digests: DigestOffer;
  /** Bytes that nobody can foresee, for the challenge to the target. */
  random: (length: number) => Uint8Array;
}

/** One login request to send: its stage bits and its text. */
export interface LoginStep {
  transit: boolean;
  stage: number;
  next: number;
  text: Uint8Array;
}

export type LoginResult =
  | { kind: 'send'; step: LoginStep }
  | { kind: 'done'; parameters: SessionParameters }
  /** The target is elsewhere (status class 1): its TargetAddress as it stands. */
  | { kind: 'moved'; address: string };

/** An ordinary login takes three to five exchanges; a peer that goes on for ever is not logging anybody in. */
const EXCHANGES_MAX = 32;

/**
 * The initiator's side of the login phase (RFC 7143 sections 6.3 and 11.12) of a session's only connection: security, then
 * operational negotiation. Throws a `Fault` where the target refuses or talks nonsense.
 */
export class Login {
  readonly #options: LoginOptions;
  readonly #authentication: Authentication;
  readonly #parameters = defaultParameters();
  #stage: number = SECURITY;
  #transit = false;
  #exchanges = 0;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;

  constructor(options: LoginOptions) {
    const { peer, credentials, algorithms, random } = options;
    this.#options = options;
    this.#authentication = new Authentication(peer, credentials, algorithms, random);
  }

  /** The algorithm that the target chose; 0 before it did. */
  get algorithm(): number {
    return this.#authentication.algorithm;
  }

  first(): LoginStep {
    const { initiatorName, targetName, discovery } = this.#options;
    return this.#step(this.#authentication.offer() === 'None', [
      ['InitiatorName', initiatorName],
      ...(discovery === true ? [] : [['TargetName', targetName] as const]),
      ['SessionType', discovery === true ? 'Discovery' : 'Normal'],
      ['AuthMethod', this.#authentication.offer()],
    ]);
  }

  /** One response: byte 1, its status and its whole data segment, which is borrowed. */
  answer(flags: number, statusClass: number, detail: number, text: Uint8Array): LoginResult {
    if (statusClass === 1) return this.#moved(text, detail);
    if (statusClass !== 0) throw this.#refused(statusClass, detail);
    if (++this.#exchanges > EXCHANGES_MAX) throw this.#wrong(`does not end the login in ${EXCHANGES_MAX} exchanges`);
    if ((flags & TRANSIT) !== 0 && (flags & CONTINUE) !== 0)
      throw this.#wrong('both ends a stage and continues its text');
    if (((flags >> 2) & 3) !== this.#stage) throw this.#wrong('answers for another stage of the login');
    this.#gather(text);
    if ((flags & CONTINUE) !== 0) return { kind: 'send', step: this.#step(false, []) };
    const keys = parseText(this.#whole());
    const ends = (flags & TRANSIT) !== 0;
    if (ends && !this.#transit) throw this.#wrong('ends a stage of the login that was not to end');
    return this.#stage === SECURITY ? this.#security(keys, ends, flags & 3) : this.#operational(keys, ends, flags & 3);
  }

  #security(keys: TextKeys, ends: boolean, next: number): LoginResult {
    const reply = this.#authentication.answer(keys, ends);
    if (!ends) return { kind: 'send', step: this.#step(reply.done, reply.keys) };
    if (!this.#authentication.finished) throw this.#wrong('ends the security stage before it is over');
    if (next !== OPERATIONAL) throw this.#wrong('skips the operational stage of the login');
    this.#stage = OPERATIONAL;
    const { digests, discovery } = this.#options;
    const offer = discovery === true ? discoveryOffer(digests) : operationalOffer(digests);
    return { kind: 'send', step: this.#step(true, offer) };
  }

  #operational(keys: TextKeys, ends: boolean, next: number): LoginResult {
    applyAnswers(this.#parameters, keys, this.#options.digests, this.#options.peer);
    if (!ends) return { kind: 'send', step: this.#step(true, answersTo(keys)) };
    if (next !== FULL_FEATURE) throw this.#wrong('ends the login in a stage that there is not');
    return { kind: 'done', parameters: this.#parameters };
  }

  #step(transit: boolean, keys: Iterable<readonly [string, string]>): LoginStep {
    this.#transit = transit;
    const next = this.#stage === SECURITY ? OPERATIONAL : FULL_FEATURE;
    return { transit, stage: this.#stage, next, text: textBytes(keys) };
  }

  #gather(text: Uint8Array): void {
    this.#gatheredBytes += text.length;
    if (this.#gatheredBytes > MAX_TEXT_BYTES)
      throw this.#wrong(`sends more than ${MAX_TEXT_BYTES} bytes of login text`);
    if (text.length > 0) this.#gathered.push(copyOf(text));
  }

  #whole(): Uint8Array {
    const all = new Uint8Array(this.#gatheredBytes);
    let at = 0;
    for (const part of this.#gathered) {
      all.set(part, at);
      at += part.length;
    }
    this.#gathered = [];
    this.#gatheredBytes = 0;
    return all;
  }

  #moved(text: Uint8Array, detail: number): LoginResult {
    this.#gather(text);
    const address = parseText(this.#whole()).get('TargetAddress');
    if (address === undefined) throw this.#wrong(`says ${loginStatusWords(1, detail)} and not where to`);
    return { kind: 'moved', address };
  }

  #refused(statusClass: number, detail: number): Fault {
    const { peer, targetName, initiatorName, credentials, discovery } = this.#options;
    const whereto = discovery === true ? 'for discovery' : `to ${targetName}`;
    const what = `${peer} refuses the login ${whereto}: ${loginStatusWords(statusClass, detail)}`;
    const mends: Readonly<Record<number, string>> = {
      513: credentials ? 'check the user and the secret' : 'the target asks for a user and a secret: give them',
      514: `allow the initiator ${initiatorName} at the target`,
      515: 'check the target name; the discovery of the target lists its names',
    };
    return new LoginRefused(what, statusClass, detail, mends[statusClass * 256 + detail]);
  }

  #wrong(what: string): Fault {
    return new Fault('peer', `${this.#options.peer}: the target ${what}`);
  }
}

/** A login that the target answered with a status other than success (RFC 7143 section 11.13.5). */
export class LoginRefused extends Fault {
  readonly statusClass: number;
  readonly detail: number;

  constructor(message: string, statusClass: number, detail: number, mend?: string) {
    super('local', message, mend);
    this.statusClass = statusClass;
    this.detail = detail;
  }

  /** The target may not have accepted who we say we are: it says so, or only that something of ours was wrong. */
  get authentication(): boolean {
    return this.statusClass === 2 && this.detail <= 1;
  }
}
