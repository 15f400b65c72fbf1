import { isParseFault, type ParseFault, parseFault } from '../../src/base/fault.ts';
import { type LinkBeyond, readBeyond } from './linkBeyond.ts';
import { FRAME_HEADER_BYTES, type LinkFrame, LinkType, shortFrame } from './linkFrame.ts';
import { type LuNames, luNamesText, readLuNames } from './luNames.ts';

/**
 * What a unit says of itself once both have greeted: nothing that either needs to go on, all of it worth knowing to people.
 * JSON on the wire; members that a reader does not know are left alone.
 */
export interface LinkAbout {
  /** Of the program. */
  version: string;
  /** Its clock as it says this, in milliseconds since 1970. */
  clock: number;
  /** What hosts know the volume by that is mirrored, where that is known. */
  first?: LuNames;
  /** Of a far end: its own mirrors of the volume. Said again when they change. */
  beyond?: readonly LinkBeyond[];
}

const ABOUT_BYTES_MAX = 65_536;
const VERSION_MAX = 64;

export function aboutFrame({ version, clock, first, beyond }: LinkAbout): LinkFrame {
  const text = JSON.stringify({
    version,
    clock,
    ...(first === undefined ? {} : { first: luNamesText(first) }),
    ...(beyond === undefined ? {} : { beyond }),
  });
  const body = new TextEncoder().encode(text);
  const head = new Uint8Array(FRAME_HEADER_BYTES + body.length);
  head.set(body, FRAME_HEADER_BYTES);
  return shortFrame(LinkType.about, head);
}

export function readAbout(body: Uint8Array): LinkAbout | ParseFault {
  if (body.length > ABOUT_BYTES_MAX) return parseFault(0, `${body.length} bytes about a unit`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return parseFault(0, 'what is said about the unit is no JSON');
  }
  const { version, clock, first, beyond } = (value ?? {}) as Record<string, unknown>;
  if (typeof version !== 'string' || version.length > VERSION_MAX || !/^[\x20-\x7e]*$/.test(version))
    return parseFault(0, 'a unit without a version');
  if (!Number.isSafeInteger(clock)) return parseFault(0, 'a unit without a clock');
  const mirrors = beyond === undefined ? undefined : readBeyond(beyond);
  // It is for people alone: no link ends because a later version tells of mirrors in another way.
  const known = mirrors === undefined || isParseFault(mirrors) ? {} : { beyond: mirrors };
  const about = { version, clock: clock as number, ...known };
  if (first === undefined) return about;
  const names = typeof first === 'string' ? readLuNames(first) : parseFault(0, 'no names');
  return isParseFault(names) ? names : { ...about, first: names };
}
