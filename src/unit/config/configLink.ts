import { isParseFault } from '../../base/fault.ts';
import { type JourneyUrl, journeyUrlText, parseJourneyUrl } from '../../base/journeyUrl.ts';
import { type Check, group, type Placed, placed, type Reading } from './configCheck.ts';
import { BUFFER, type Fields, type RawBuffer } from './configParts.ts';
import { kindWords, type Mistake, quoted } from './configTree.ts';
import { bytes } from './configValues.ts';

/** A link to another unit as it is written: its URL, and the keys beside it. */
export interface RawJourney {
  readonly kind: 'journey';
  /** As written. */
  readonly to: string;
  readonly url: JourneyUrl;
  readonly buffer?: RawBuffer;
  readonly limit?: number;
  readonly compress?: boolean | 'auto';
}

/** Keys that only a link has, as they are written beside its URL. */
export interface RawLink {
  buffer?: Placed<RawBuffer>;
  limit?: Placed<number>;
  compress?: Placed<boolean | 'auto'>;
}

/** Less than this a second and a link would fall behind by being asked how it is. */
const LIMIT_MIN = 1024;

const compress: Check<boolean | 'auto'> = (node, where, book) => {
  if (node.kind === 'scalar' && (typeof node.value === 'boolean' || node.value === 'auto')) return node.value;
  const wrong = `true, false or "auto" is expected, not ${kindWords(node)}`;
  book.push({ at: node.at, where, wrong, mend: 'write one of them' });
  return undefined;
};

export const LINK = {
  buffer: { check: placed(group<RawBuffer>(BUFFER)) },
  limit: { check: placed(bytes(LIMIT_MIN)) },
  compress: { check: placed(compress) },
} satisfies Fields<RawLink>;

/** A `journey://` URL. */
export function journeyReading(words: string): Reading<RawJourney> {
  const url = parseJourneyUrl(words);
  if (!isParseFault(url)) return { value: { kind: 'journey', to: words, url } };
  const mend = 'write "journey://HOST:PORT/VOLUME", an IPv6 address in brackets';
  return { wrong: `${quoted(words)}: ${url.reason}`, mend };
}

/** The link with the keys beside its URL. */
export function journeyOf(link: RawJourney, { buffer, limit, compress }: RawLink): RawJourney {
  return {
    ...link,
    ...(buffer === undefined ? {} : { buffer: buffer.value }),
    ...(limit === undefined ? {} : { limit: limit.value }),
    ...(compress === undefined ? {} : { compress: compress.value }),
  };
}

/** Those keys beside what is no link. */
export function refuseLinkKeys({ buffer, limit, compress }: RawLink, book: Mistake[]): boolean {
  const extra = [buffer, limit, compress].find((one) => one !== undefined);
  if (extra === undefined) return false;
  const { at, where } = extra;
  const wrong = 'a key for a link to another unit ("journey://...")';
  book.push({
    at,
    where,
    wrong,
    mend: 'leave the key out; the unit has one buffer for all others: "buffer" at the top',
  });
  return true;
}

/** A key under which two spellings of one far volume are equal. */
export function journeyKey({ url }: RawJourney): string {
  return journeyUrlText(url);
}
