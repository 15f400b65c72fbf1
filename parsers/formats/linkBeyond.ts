import { type ParseFault, parseFault } from '../../src/base/fault.ts';

/** A mirror at the far end of a link, as that end told of it last; and what is beyond it, where that is a link again. */
export interface LinkBeyond {
  /** As configured there, without a secret. */
  to: string;
  /** The word of that unit's status. */
  state: string;
  behindBytes: number;
  /** What is wrong with it, in the words of that unit's status. */
  why?: string;
  /** The unit that it is at, by its certificate; only there for a link that is connected. */
  peer?: string;
  beyond?: LinkBeyond[];
}

/** Mirrors of all units beyond together, and units one behind the other. */
const MIRRORS_MAX = 32;
const DEPTH_MAX = 4;
const WORDS_MAX = 512;
const STATE_MAX = 32;

/** As much of it as the other end takes. */
export function boundBeyond(mirrors: readonly LinkBeyond[]): LinkBeyond[] {
  return boundAt(mirrors, { left: MIRRORS_MAX }, DEPTH_MAX);
}

function boundAt(mirrors: readonly LinkBeyond[], room: { left: number }, depth: number): LinkBeyond[] {
  const kept: LinkBeyond[] = [];
  for (const { to, state, behindBytes, why, peer, beyond } of mirrors) {
    if (room.left === 0) break;
    room.left--;
    const further = beyond && depth > 1 ? boundAt(beyond, room, depth - 1) : [];
    kept.push({
      to: to.slice(0, WORDS_MAX),
      state: state.slice(0, STATE_MAX),
      behindBytes,
      ...(why === undefined ? {} : { why: why.slice(0, WORDS_MAX) }),
      ...(peer === undefined ? {} : { peer: peer.slice(0, WORDS_MAX) }),
      ...(further.length > 0 ? { beyond: further } : {}),
    });
  }
  return kept;
}

/** Of a JSON text; members that nobody here knows are left alone. Words are without control characters, which a terminal would act upon. */
export function readBeyond(value: unknown): LinkBeyond[] | ParseFault {
  return readAt(value, { left: MIRRORS_MAX }, DEPTH_MAX) ?? parseFault(0, 'mirrors beyond that are none');
}

/** Undefined: it is nothing of the kind. */
function readAt(value: unknown, room: { left: number }, depth: number): LinkBeyond[] | undefined {
  if (!Array.isArray(value) || value.length > room.left || depth === 0) return undefined;
  room.left -= value.length;
  const mirrors: LinkBeyond[] = [];
  for (const one of value) {
    const mirror = readOne(one, room, depth);
    if (mirror === undefined) return undefined;
    mirrors.push(mirror);
  }
  return mirrors;
}

function readOne(value: unknown, room: { left: number }, depth: number): LinkBeyond | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { to, state, behindBytes, why, peer, beyond } = value as Record<string, unknown>;
  const words = [to, state, why ?? '', peer ?? ''].map((one) => wordsOf(one));
  if (words.some((one) => one === undefined)) return undefined;
  if (!Number.isSafeInteger(behindBytes) || Number(behindBytes) < 0) return undefined;
  const further = beyond === undefined ? [] : readAt(beyond, room, depth - 1);
  if (further === undefined) return undefined;
  const [name = '', stood = '', because, unit] = words;
  return {
    to: name,
    state: stood,
    behindBytes: Number(behindBytes),
    ...(because ? { why: because } : {}),
    ...(unit ? { peer: unit } : {}),
    ...(further.length > 0 ? { beyond: further } : {}),
  };
}

function wordsOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > WORDS_MAX) return undefined;
  return value.replace(/\p{Cc}|\p{Zl}|\p{Zp}|\p{Cf}/gu, ' ');
}
