import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { parseTextBinary, textBinary, textNumber } from '../../../parsers/iscsi/text.ts';
import { Fault } from '../../base/fault.ts';
import { chapResponse, sameBytes } from './chap.ts';
import { shown } from './parameters.ts';

/** Names and secrets of CHAP (RFC 7143 section 12.1.3); `mutual` is what the target must prove to us. */
export interface Credentials {
  user: string;
  secret: string;
  mutual: { user: string; secret: string } | undefined;
}

/** Keys to send, and whether the security stage may end with them. */
export interface AuthenticationReply {
  keys: [string, string][];
  done: boolean;
}

/** RFC 7143 section 12.1.3: a challenge is at most 1024 bytes. */
const CHALLENGE_MAX = 1024;
const OUR_CHALLENGE_BYTES = 16;

/** The initiator's side of the security stage: no authentication, CHAP, or CHAP both ways. */
export class Authentication {
  readonly #peer: string;
  readonly #credentials: Credentials | undefined;
  readonly #algorithms: readonly number[];
  readonly #random: (length: number) => Uint8Array;
  #state: 'method' | 'challenge' | 'proof' | 'done' = 'method';
  /** The algorithm that the target chose; 0 before it did. */
  algorithm = 0;
  #identifier = 0;
  #challenge: Uint8Array = new Uint8Array(0);

  constructor(
    peer: string,
    credentials: Credentials | undefined,
    algorithms: readonly number[],
    random: (length: number) => Uint8Array,
  ) {
    this.#peer = peer;
    this.#credentials = credentials;
    this.#algorithms = algorithms;
    this.#random = random;
    // RFC 7143 section 12.1.3: with one secret for both directions, our own answer would prove the target.
    if (credentials?.mutual?.secret !== undefined && credentials.mutual.secret === credentials.secret) {
      throw new Fault(
        'local',
        `${peer}: CHAP has one secret for both directions`,
        'give the target a secret of its own',
      );
    }
  }

  /** Both sides have proved what they have to. */
  get finished(): boolean {
    return this.#state === 'done';
  }

  /** AuthMethod's value. Where the target has to prove itself, no login without CHAP will do. */
  offer(): string {
    if (!this.#credentials) return 'None';
    return this.#credentials.mutual ? 'CHAP' : 'CHAP,None';
  }

  /** What one whole response in the security stage leads to; `ends` says that the stage ends with it. */
  answer(keys: TextKeys, ends: boolean): AuthenticationReply {
    switch (this.#state) {
      case 'method':
        return this.#method(keys, ends);
      case 'challenge':
        return this.#answerChallenge(keys);
      case 'proof':
        this.#checkProof(keys);
        this.#state = 'done';
        return { keys: [], done: true };
      case 'done':
        return { keys: [], done: true };
    }
  }

  #method(keys: TextKeys, ends: boolean): AuthenticationReply {
    const method = keys.get('AuthMethod') ?? (ends ? 'None' : undefined);
    if (method === 'CHAP' && this.#credentials) {
      this.#state = 'challenge';
      return { keys: [['CHAP_A', this.#algorithms.join(',')]], done: false };
    }
    if (method === 'None' || (method === undefined && !this.#credentials)) {
      if (this.#credentials?.mutual) throw this.#unproved();
      this.#state = 'done';
      return { keys: [], done: true };
    }
    throw this.#wrong(`chooses the authentication method ${shown(method ?? 'that it does not name')}`);
  }

  #answerChallenge(keys: TextKeys): AuthenticationReply {
    const { user, secret, mutual } = this.#credentials as Credentials;
    this.algorithm = textNumber(keys.get('CHAP_A') ?? '') ?? 0;
    if (!this.#algorithms.includes(this.algorithm)) throw this.#wrong('chooses a CHAP algorithm that was not offered');
    const identifier = textNumber(keys.get('CHAP_I') ?? '');
    const challenge = parseTextBinary(keys.get('CHAP_C') ?? '');
    if (identifier === undefined || identifier > 255) throw this.#wrong('sends no CHAP identifier');
    if (challenge === undefined || challenge.length > CHALLENGE_MAX) throw this.#wrong('sends no CHAP challenge');
    const response = chapResponse(this.algorithm, identifier, secret, challenge);
    if (response === undefined) throw new Fault('bug', `CHAP algorithm ${this.algorithm} was offered and is not known`);
    const reply: [string, string][] = [
      ['CHAP_N', user],
      ['CHAP_R', textBinary(response)],
    ];
    if (mutual) {
      this.#challengeBack(challenge);
      reply.push(['CHAP_I', String(this.#identifier)], ['CHAP_C', textBinary(this.#challenge)]);
    }
    this.#state = mutual ? 'proof' : 'done';
    return { keys: reply, done: true };
  }

  #challengeBack(theirs: Uint8Array): void {
    do {
      this.#identifier = this.#random(1)[0];
      this.#challenge = this.#random(OUR_CHALLENGE_BYTES);
    } while (sameBytes(this.#challenge, theirs));
  }

  #checkProof(keys: TextKeys): void {
    const { secret, mutual } = this.#credentials as Credentials;
    const proof = parseTextBinary(keys.get('CHAP_R') ?? '');
    if (!mutual || proof === undefined) throw this.#unproved();
    const expected = chapResponse(this.algorithm, this.#identifier, mutual.secret, this.#challenge);
    // A target that only has our own secret proves nothing but that it has ours (RFC 7143 section 12.1.3).
    const reflected = chapResponse(this.algorithm, this.#identifier, secret, this.#challenge);
    const named = keys.get('CHAP_N') === mutual.user;
    if (!expected || !reflected || !named || sameBytes(proof, reflected) || !sameBytes(proof, expected)) {
      throw this.#unproved();
    }
  }

  #unproved(): Fault {
    const what = `${this.#peer}: the target does not prove itself with the mutual secret`;
    return new Fault(
      'peer',
      what,
      'check the mutual user and secret here and at the target, or whether this is the target',
    );
  }

  #wrong(what: string): Fault {
    return new Fault('peer', `${this.#peer}: the target ${what}`);
  }
}
