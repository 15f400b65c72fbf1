import { type LinkAbout, readAbout } from '../../parsers/formats/linkAbout.ts';
import { LinkType, linkTypeName } from '../../parsers/formats/linkFrame.ts';
import { type Refusal, readRefusal, readWelcome, readWords, type Welcome } from '../../parsers/formats/linkGreeting.ts';
import { type LinkAnswer, readAnswer, readNumber } from '../../parsers/formats/linkRequests.ts';
import type { ParseFault } from '../base/fault.ts';
import { stampOf } from './roundTrip.ts';

type Words = Exclude<ReturnType<typeof readWords>, ParseFault>;

/** What a sender is told. `alive`: nothing but that. */
export type Heard =
  | { kind: 'welcome'; welcome: Welcome }
  | { kind: 'refuse'; refusal: Refusal }
  | { kind: 'ack'; number: number }
  | { kind: 'answer'; id: number; answer: LinkAnswer }
  | { kind: 'pause'; words: Words }
  | { kind: 'bye'; words: Words }
  | { kind: 'ping'; stamp: number }
  | { kind: 'pong'; stamp: number }
  | { kind: 'about'; about: LinkAbout }
  | { kind: 'resume' }
  | { kind: 'alive' };

/** A receiver's frame before it has welcomed anybody; words where it is none of those. */
export function hearGreeting(type: LinkType, body: Uint8Array): Heard | ParseFault | string {
  switch (type) {
    case LinkType.welcome: {
      const welcome = readWelcome(body);
      return 'fault' in welcome ? welcome : { kind: 'welcome', welcome };
    }
    case LinkType.refuse:
      return refusalOf(body);
    case LinkType.ping:
    case LinkType.pong:
      return { kind: 'alive' };
    default:
      return `${linkTypeName(type)} before a welcome`;
  }
}

/** A receiver's frame behind its welcome. */
export function hear(type: LinkType, body: Uint8Array): Heard | ParseFault | string {
  switch (type) {
    case LinkType.ack: {
      const number = readNumber(body);
      return typeof number === 'number' ? { kind: 'ack', number } : number;
    }
    case LinkType.differ:
    case LinkType.same:
    case LinkType.data:
    case LinkType.grew:
    case LinkType.failed: {
      const answered = readAnswer(type, body);
      return 'fault' in answered ? answered : { kind: 'answer', ...answered };
    }
    case LinkType.pause:
    case LinkType.bye: {
      const words = readWords(body);
      if ('fault' in words) return words;
      return { kind: type === LinkType.bye ? 'bye' : 'pause', words };
    }
    case LinkType.resume:
      return { kind: 'resume' };
    case LinkType.ping:
      return { kind: 'ping', stamp: stampOf(body) };
    case LinkType.pong:
      return { kind: 'pong', stamp: stampOf(body) };
    case LinkType.about: {
      const about = readAbout(body);
      return 'fault' in about ? about : { kind: 'about', about };
    }
    case LinkType.refuse:
      return refusalOf(body);
    default:
      return `${linkTypeName(type)} from a receiver`;
  }
}

function refusalOf(body: Uint8Array): Heard | ParseFault {
  const refusal = readRefusal(body);
  return 'fault' in refusal ? refusal : { kind: 'refuse', refusal };
}
