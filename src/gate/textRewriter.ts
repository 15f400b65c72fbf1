import { Buffer } from 'node:buffer';

const KEY = 'TargetAddress=';
/** A pair that is cut by a PDU's end is carried over when it is no longer than this. */
const CARRY_MAX = 1024;

/**
 * Replaces one portal in TargetAddress pairs (RFC 7143 sections 13.8 and 13.9). An answer may come in several PDUs (the C bit),
 * cut anywhere, even within a pair: what cannot be judged yet, or no longer fits, is moved to the next PDU.
 */
export class TextRewriter {
  readonly #isTarget: (address: string) => boolean;
  readonly #portal: string;
  #carried = '';
  #carriedFor = -1;
  /** What was handed on last ends within a pair. */
  #cut = false;

  constructor(isTarget: (address: string) => boolean, portal: string) {
    this.#isTarget = isTarget;
    this.#portal = portal;
  }

  /**
   * The text of one PDU of exchange `itt`; `goesOn`: more PDUs follow. Undefined when it stays as it is. Longer than
   * `lengthMax` only in the last PDU.
   */
  rewrite(data: Uint8Array, goesOn: boolean, itt: number, lengthMax: number): Uint8Array | undefined {
    const came = Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');
    const [before, cutBefore] = this.#carriedFor === itt ? [this.#carried, this.#cut] : ['', false];
    this.#carriedFor = itt;
    let text = before + came;
    const whole = goesOn ? text.lastIndexOf('\0') + 1 : text.length;
    const rest = text.slice(whole);
    // What ends a pair whose start has gone already is no pair of its own.
    const first = cutBefore ? text.indexOf('\0') + 1 : 0;
    text = text.slice(0, first) + this.#told(text.slice(first, whole));
    const carries =
      rest.length <= CARRY_MAX && (rest.startsWith(KEY) || KEY.startsWith(rest)) && (whole > 0 || !cutBefore);
    this.#carried = carries ? rest : '';
    if (!carries) text += rest;
    if (goesOn && text.length > lengthMax) {
      this.#carried = text.slice(lengthMax) + this.#carried;
      text = text.slice(0, lengthMax);
    }
    this.#cut = text === '' ? cutBefore : !text.endsWith('\0');
    return text === came ? undefined : Uint8Array.from(Buffer.from(text, 'latin1'));
  }

  /** Whole pairs as the host is to be told: in a value `address[,portal group tag]` the address alone changes. */
  #told(pairs: string): string {
    return pairs.replaceAll(/(?<=^|\0)TargetAddress=([^\0]*)/g, (pair, value: string) => {
      const comma = value.lastIndexOf(',');
      const address = comma < 0 ? value : value.slice(0, comma);
      return this.#isTarget(address) ? KEY + this.#portal + value.slice(address.length) : pair;
    });
  }
}
