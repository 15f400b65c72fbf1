import { MAX_TEXT_BYTES, parseText, type TextKeys } from '../../../parsers/iscsi/text.ts';
import { copyOf } from '../../base/bytes.ts';

/** Stands for bytes that were not captured; no key or value has it (RFC 7143 section 6.1). */
const CUT_MARK = '\x01';
const CUT = Uint8Array.of(1);
/** Far more keys than there are. */
const KEYS_MAX = 256;

/** One side's text, over as many PDUs as the C bit strings together (RFC 7143 section 6.2). */
class TextSide {
  readonly keys: TextKeys = new Map();
  private lost = false;
  private parts: Uint8Array[] = [];
  private length = 0;

  /** Bytes of it were not captured: a key that is absent may have been there. */
  get holed(): boolean {
    return this.lost;
  }

  set holed(value: boolean) {
    this.lost = value;
    // A pair that the hole cuts must not be joined with what follows the hole.
    if (!value || this.parts.at(-1) === CUT) return;
    this.parts.push(CUT);
    this.length += CUT.length;
  }

  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.length + length > MAX_TEXT_BYTES) {
      this.holed = true;
      return;
    }
    this.parts.push(copyOf(bytes, offset, offset + length));
    this.length += length;
  }

  /** The PDU is complete; with `goesOn` (the C bit) the pairs may be cut anywhere. */
  end(goesOn: boolean): void {
    if (goesOn) return;
    const whole = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      whole.set(part, at);
      at += part.length;
    }
    for (const [key, value] of parseText(whole)) {
      if (key.includes(CUT_MARK) || value.includes(CUT_MARK)) continue;
      if (this.keys.has(key) || this.keys.size < KEYS_MAX) this.keys.set(key, value);
    }
    this.parts = [];
    this.length = 0;
  }
}

/** What a login settled, as far as it was seen (RFC 7143 sections 6 and 13). The answer counts, never the offer. */
export class Negotiation {
  readonly host = new TextSide();
  readonly target = new TextSide();
  /** Whole login PDUs of one side were not captured. */
  hostLost = false;
  targetLost = false;

  get initiatorName(): string | undefined {
    return this.host.keys.get('InitiatorName');
  }

  get targetName(): string | undefined {
    return this.host.keys.get('TargetName');
  }

  get discovery(): boolean {
    return this.host.keys.get('SessionType') === 'Discovery';
  }

  /** Whole login PDUs of one side were not captured. */
  lost(ofHost: boolean): void {
    if (ofHost) this.hostLost = true;
    else this.targetLost = true;
    (ofHost ? this.host : this.target).holed = true;
  }

  /** MaxRecvDataSegmentLength where the target, or the host, declared one (RFC 7143 section 13.12). */
  get targetSegment(): number | undefined {
    return segment(this.target.keys);
  }

  get hostSegment(): number | undefined {
    return segment(this.host.keys);
  }

  /** CRC32C in use; undefined when the capture does not tell. */
  digest(key: 'HeaderDigest' | 'DataDigest'): boolean | undefined {
    const offer = this.host.keys.get(key);
    const answer = this.target.keys.get(key);
    if (answer !== undefined && offer !== undefined) {
      // Whoever sent a list has offered (either side may), the other's single value is the answer (section 6.2).
      if (answer.includes(',')) return offer.includes(',') ? undefined : chosen(offer);
      return offer.includes(',') ? chosen(answer) : chosen(answer) && chosen(offer);
    }
    if (offer === undefined && !this.host.holed && !this.hostLost) {
      // The host did not open this key: only a target that did, and a host's answer, could have settled it.
      return answer === undefined ? (this.targetLost || this.target.holed ? undefined : false) : undefined;
    }
    if (offer !== undefined && !offer.includes('CRC32C')) return false;
    if (answer !== undefined && !answer.includes(',')) return chosen(answer);
    if (answer === undefined && !this.targetLost && !this.target.holed) return false;
    return undefined;
  }
}

function segment(keys: TextKeys): number | undefined {
  const declared = Number(keys.get('MaxRecvDataSegmentLength'));
  return Number.isInteger(declared) && declared >= 512 && declared <= 0xffffff ? declared : undefined;
}

function chosen(value: string): boolean {
  return value === 'CRC32C';
}
