import type { TextKeys } from '../../../parsers/iscsi/text.ts';
import { parseTextBinary, textBinary, textNumber } from '../../../parsers/iscsi/text.ts';
import { chapResponse, sameBytes } from '../initiator/chap.ts';
import type { TargetAuth } from './types.ts';

/** Keys to answer with, and whether both sides have proved what they have to; or why the login ends here. */
export type SecurityReply = { keys: [string, string][]; done: boolean } | { refused: string };

const CHALLENGE_BYTES = 16;
/** RFC 7143 section 12.1.3: a challenge is at most 1024 bytes. */
const CHALLENGE_MAX = 1024;
/** Hashed in place of the secret of a user whom nobody knows, so that the answer takes as long. */
const NOBODY = 'nobody';

/** The target's side of the security stage: nothing, CHAP, or CHAP both ways (RFC 7143 section 12.1). */
export class Security {
  readonly #auth: TargetAuth | undefined;
  readonly #algorithms: readonly number[];
  readonly #random: (length: number) => Uint8Array;
  #state: 'method' | 'algorithm' | 'response' | 'done' = 'method';
  #algorithm = 0;
  #identifier = 0;
  #challenge: Uint8Array = new Uint8Array(0);
  /** Who proved to be who; undefined where nobody had to. */
  user: string | undefined;

  constructor(auth: TargetAuth | undefined, algorithms: readonly number[], random: (length: number) => Uint8Array) {
    this.#auth = auth;
    this.#algorithms = algorithms.filter((number) => auth?.algorithms?.includes(number) ?? true);
    this.#random = random;
  }

  /** Nothing has to be proved, or all has been. */
  get finished(): boolean {
    return this.#state === 'done' || this.#auth === undefined;
  }

  /** One whole request of the security stage; `ends`: the initiator wants to go on to the next stage. */
  step(keys: TextKeys, ends: boolean): SecurityReply {
    switch (this.#state) {
      case 'method':
        return this.#method(keys, ends);
      case 'algorithm':
        return this.#choose(keys);
      case 'response':
        return this.#check(keys);
      case 'done':
        return { keys: [], done: true };
    }
  }

  #method(keys: TextKeys, ends: boolean): SecurityReply {
    const offer = keys.get('AuthMethod');
    if (offer === undefined) {
      if (!ends) return { keys: [], done: false };
      if (this.#auth) return { refused: 'offers no authentication' };
      this.#state = 'done';
      return { keys: [], done: true };
    }
    const methods = offer.split(',');
    if (this.#auth) {
      if (!methods.includes('CHAP')) return { refused: 'does not offer CHAP' };
      this.#state = 'algorithm';
      return { keys: [['AuthMethod', 'CHAP']], done: false };
    }
    if (!methods.includes('None')) return { refused: 'wants to prove itself, and nothing here knows it' };
    this.#state = 'done';
    return { keys: [['AuthMethod', 'None']], done: true };
  }

  /** The first of the initiator's algorithms that is accepted here, and a challenge. */
  #choose(keys: TextKeys): SecurityReply {
    const offer = (keys.get('CHAP_A') ?? '').split(',').map(textNumber);
    const algorithm = offer.find((number) => number !== undefined && this.#algorithms.includes(number));
    if (algorithm === undefined) return { refused: 'offers no CHAP algorithm that is accepted' };
    this.#algorithm = algorithm;
    this.#identifier = this.#random(1)[0];
    this.#challenge = this.#random(CHALLENGE_BYTES);
    this.#state = 'response';
    return {
      keys: [
        ['CHAP_A', String(algorithm)],
        ['CHAP_I', String(this.#identifier)],
        ['CHAP_C', textBinary(this.#challenge)],
      ],
      done: false,
    };
  }

  #check(keys: TextKeys): SecurityReply {
    const { users = [], mutual } = this.#auth ?? {};
    const name = keys.get('CHAP_N');
    const proof = parseTextBinary(keys.get('CHAP_R') ?? '');
    const known = users.find(({ user }) => user === name);
    const expected = chapResponse(this.#algorithm, this.#identifier, known?.secret ?? NOBODY, this.#challenge);
    if (!expected || !proof || !sameBytes(proof, expected) || !known) {
      return { refused: 'does not prove to be a user who is known here' };
    }
    const back = keys.has('CHAP_C') || keys.has('CHAP_I');
    const reply: [string, string][] = [];
    if (back) {
      const challenge = parseTextBinary(keys.get('CHAP_C') ?? '');
      const identifier = textNumber(keys.get('CHAP_I') ?? '');
      if (challenge === undefined || challenge.length > CHALLENGE_MAX || identifier === undefined || identifier > 255) {
        return { refused: 'sends a challenge that is none' };
      }
      // Our own challenge sent back would have us do the initiator's work (RFC 7143 section 12.1.3).
      if (sameBytes(challenge, this.#challenge)) return { refused: 'sends our own challenge back' };
      if (!mutual) return { refused: 'wants the target to prove itself, which has nothing to do so' };
      if (users.some(({ secret }) => secret === mutual.secret)) {
        return { refused: "wants the target to prove itself, whose secret is an initiator's too" };
      }
      const ours = chapResponse(this.#algorithm, identifier, mutual.secret, challenge);
      if (ours === undefined) return { refused: 'uses an algorithm that is not there' };
      reply.push(['CHAP_N', mutual.user], ['CHAP_R', textBinary(ours)]);
    }
    this.user = known.user;
    this.#state = 'done';
    return { keys: reply, done: true };
  }
}
