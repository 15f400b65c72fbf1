import { isParseFault } from '../../base/fault.ts';
import { type LuUrl, parseLuUrl, withoutSecret } from '../../base/luUrl.ts';
import { type Check, group, oneOf, type Placed, placed, type Reading, text, type Unserved } from './configCheck.ts';
import { journeyOf, journeyReading, LINK, type RawJourney, type RawLink, refuseLinkKeys } from './configLink.ts';
import type { Fields } from './configParts.ts';
import { type ConfigNode, type Mistake, quoted } from './configTree.ts';
import { path } from './configValues.ts';

/** Where a secret lies that the configuration only names. */
export type SecretPlace = { readonly file: string } | { readonly env: string };

/** A volume as it is written: the URL, and for an LU the keys beside it. */
export type RawMedium = RawFile | RawLu;

/** A mirror may also be a volume at another unit. */
export type RawMirror = RawMedium | RawJourney;

export interface RawFile {
  readonly kind: 'file';
  /** As written. */
  readonly to: string;
  readonly path: string;
}

export interface RawLu {
  readonly kind: 'lu';
  /** As written, without the secret. */
  readonly to: string;
  readonly url: LuUrl;
  readonly secret?: Placed<SecretPlace>;
  readonly mutual?: { readonly user: string; readonly secret: Placed<SecretPlace> };
  readonly digests: { readonly header: boolean; readonly data: boolean };
}

const MEND_FILE = 'write "file:PATH", with the path of a file or block device';
const MEND = 'write "file:PATH", or "iscsi://HOST:PORT/TARGET-NAME/LUN"';
const MEND_MIRROR = `${MEND}, or "journey://HOST:PORT/VOLUME"`;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/** A file or block device, which is all that `tapmirror mirror` writes. */
export const fileUrl: Check<RawFile> = text((words): Reading<RawFile> => {
  if (/^iscsi:/i.test(words)) {
    return { wrong: '`tapmirror mirror` takes no "iscsi:" volumes, only `tapmirror run` does', mend: MEND_FILE };
  }
  return fileReading(words, MEND_FILE);
}, 'file:second.img');

/**
 * The path in a `file:` URL. `file:PATH` takes the path as written (relative ones from the configuration's folder);
 * `file://` is a URL in full: absolute, on this machine, percent-encoded (RFC 8089).
 */
function fileReading(words: string, mend: string): Reading<RawFile> {
  if (!/^file:/i.test(words)) {
    const scheme = SCHEME.exec(words)?.[1];
    if (scheme !== undefined) return { wrong: `${quoted(`${scheme}:`)} volumes are not served by this version`, mend };
    const bare = /^[a-z]+:/i.test(words) || words.includes('@');
    return { wrong: `${quoted(words)} is not a file: URL`, mend: bare ? mend : `write "file:${words}"` };
  }
  let path = words.slice('file:'.length);
  if (path.startsWith('//')) {
    const match = /^\/\/(?:localhost)?(\/.*)$/i.exec(path);
    if (match === null)
      return { wrong: `${quoted(words)} names another machine`, mend: 'write "file:PATH" or "file:///PATH"' };
    try {
      path = decodeURIComponent(match[1]);
    } catch {
      const mend = 'write "file:PATH", where the path stands as it is';
      return { wrong: `${quoted(words)} has a broken %-escape`, mend };
    }
  }
  if (path === '') return { wrong: 'a file: URL without a path', mend };
  if (path.includes('\0')) return { wrong: 'a path with a NUL in it', mend };
  return { value: { kind: 'file', to: words, path } };
}

const NO_DIGESTS = { header: false, data: false } as const;

function mediumReading(words: string, mend: string): Reading<RawMedium> {
  if (!/^iscsi:/i.test(words)) return fileReading(words, mend);
  const read = parseLuUrl(words);
  if (isParseFault(read)) {
    const mend = 'write "iscsi://[USER%SECRET@]HOST[:PORT]/TARGET-NAME/LUN", an IPv6 address in brackets';
    return { wrong: `${quoted(words)}: ${read.reason}`, mend };
  }
  return { value: { kind: 'lu', to: withoutSecret(words), url: read, digests: NO_DIGESTS } };
}

const firstUrl: Check<RawMedium> = text((words): Reading<RawMedium> => {
  if (/^journey:/i.test(words)) {
    return { wrong: 'a link does not read: the first volume is a file or an LU on a bus', mend: MEND };
  }
  return mediumReading(words, MEND);
}, 'file:/dev/sdb');

const mirrorUrl: Check<RawMirror> = text(
  (words): Reading<RawMirror> => (/^journey:/i.test(words) ? journeyReading(words) : mediumReading(words, MEND_MIRROR)),
  'file:second.img',
);

interface RawLogin {
  user?: Placed<string>;
  secretFile?: Placed<string>;
  secretEnv?: Placed<string>;
  mutualUser?: Placed<string>;
  mutualSecretFile?: Placed<string>;
  mutualSecretEnv?: Placed<string>;
  digests?: Placed<'none' | 'header' | 'data' | 'both'>;
}

/** A CHAP name. */
export const userName = text<string>(
  (words) => (words === '' ? { wrong: 'an empty name', mend: 'leave the key out' } : { value: words }),
  'joe',
);
/** The name of an environment variable. */
export const variable = text<string>((words) => {
  const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(words);
  // A secret that was written here by mistake is not repeated.
  return name ? { value: words } : { wrong: 'not the name of an environment variable', mend: 'write its name alone' };
}, 'MIRROR_SECRET');

const PLAIN_SECRET: Unserved = {
  wrong: 'a secret as a key of its own is not taken',
  mend: 'put it into a file that only this user may read and name it in "secretFile", or name a variable in "secretEnv"',
};

/** The path of a file with a secret in it. */
export const secretPath = path('mirror.secret');

const LOGIN = {
  user: { check: placed(userName) },
  secretFile: { check: placed(secretPath) },
  secretEnv: { check: placed(variable) },
  mutualUser: { check: placed(userName) },
  mutualSecretFile: { check: placed(secretPath) },
  mutualSecretEnv: { check: placed(variable) },
  digests: { check: placed(oneOf(['none', 'header', 'data', 'both'])) },
} satisfies Fields<RawLogin>;

const NOT_TAKEN = { secret: PLAIN_SECRET, mutualSecret: PLAIN_SECRET };

function misplaced(key: 'from' | 'to'): Unserved {
  return { wrong: `the URL stands under "${key}" here`, mend: `write "${key}"` };
}

const firstKeys = group<RawLogin & { from: RawMedium }>(
  { ...LOGIN, from: { check: firstUrl, required: 'write "from": "iscsi://..."' } },
  { ...NOT_TAKEN, to: misplaced('from') },
);

const mirrorKeys = group<RawLogin & RawLink & { to: RawMirror }>(
  { ...LOGIN, ...LINK, to: { check: mirrorUrl, required: 'write "to": "iscsi://..."' } },
  { ...NOT_TAKEN, from: misplaced('to') },
);

/** The first volume: its URL, or a group of keys with the URL in `from` and how to log in beside it. */
export const firstMedium: Check<RawMedium> = (node, where, book) => {
  if (node.kind !== 'map') return firstUrl(node, where, book);
  const before = book.length;
  const raw = firstKeys(node, where, book);
  if (raw === undefined || book.length > before) return undefined;
  return raw.from.kind === 'file' ? withoutLogin(raw.from, raw, book) : loginOf(raw.from, raw, node, where, book);
};

/** A mirror: its URL, or a group of keys with the URL in `to` and how to log in, or how to send, beside it. */
export const mirrorMedium: Check<RawMirror> = (node, where, book) => {
  if (node.kind !== 'map') return mirrorUrl(node, where, book);
  const before = book.length;
  const raw = mirrorKeys(node, where, book);
  if (raw === undefined || book.length > before) return undefined;
  const { to } = raw;
  if (to.kind === 'journey') return withoutLogin(journeyOf(to, raw), raw, book);
  if (refuseLinkKeys(raw, book)) return undefined;
  return to.kind === 'file' ? withoutLogin(to, raw, book) : loginOf(to, raw, node, where, book);
};

/** The keys for a login, each with its place. */
function loginKeys(raw: RawLogin): Placed<string>[] {
  const { user, secretFile, secretEnv, mutualUser, mutualSecretFile, mutualSecretEnv, digests } = raw;
  const all = [user, secretFile, secretEnv, mutualUser, mutualSecretFile, mutualSecretEnv, digests];
  return all.filter((one) => one !== undefined);
}

function withoutLogin<T extends RawFile | RawJourney>(medium: T, raw: RawLogin, book: Mistake[]): T | undefined {
  const [extra] = loginKeys(raw);
  if (extra === undefined) return medium;
  const { at, where } = extra;
  const file = medium.kind === 'file';
  const wrong = file ? 'a file needs no login' : 'units know each other by certificates, not by a login';
  const mend = file
    ? 'leave the key out, or write an "iscsi://" URL'
    : 'leave the key out, and name the files in "tls"';
  book.push({ at, where, wrong, mend });
  return undefined;
}

function loginOf(lu: RawLu, raw: RawLogin, node: ConfigNode, where: string, book: Mistake[]): RawLu | undefined {
  const before = book.length;
  const tell = (place: { at: number; where: string } | undefined, wrong: string, mend: string): void => {
    book.push({ at: place?.at ?? node.at, where: place?.where ?? where, wrong, mend });
  };
  if (raw.user !== undefined && lu.url.user !== undefined) {
    tell(raw.user, 'a user stands in the URL already', 'keep one of the two');
  }
  const secret = secretOf(raw.secretFile, raw.secretEnv, tell);
  if (secret !== undefined && lu.url.secret !== undefined) {
    tell(secret, 'a secret stands in the URL already', 'take it out of the URL');
  }
  const user = lu.url.user ?? raw.user?.value;
  const known = secret !== undefined || lu.url.secret !== undefined;
  if (user !== undefined && !known) {
    tell(raw.user, 'a user without a secret', 'add "secretFile" or "secretEnv", or leave the user out');
  }
  if (user === undefined && known) tell(secret, 'a secret without a user', 'add "user"');
  const mutual = secretOf(raw.mutualSecretFile, raw.mutualSecretEnv, tell);
  if (raw.mutualUser !== undefined && mutual === undefined) {
    tell(raw.mutualUser, 'a user without a secret', 'add "mutualSecretFile" or "mutualSecretEnv"');
  }
  if (raw.mutualUser === undefined && mutual !== undefined) tell(mutual, 'a secret without a user', 'add "mutualUser"');
  if (raw.mutualUser !== undefined && user === undefined) {
    // RFC 7143 section 12.1.3: the target answers a challenge only of an initiator that proves itself too.
    tell(raw.mutualUser, 'the target proves itself only to one who does so too', 'add "user" and its secret');
  }
  if (book.length > before) return undefined;
  const digests = raw.digests?.value ?? 'none';
  return {
    ...lu,
    url: { ...lu.url, ...(user === undefined ? {} : { user }) },
    ...(secret === undefined ? {} : { secret }),
    ...(raw.mutualUser === undefined || mutual === undefined
      ? {}
      : { mutual: { user: raw.mutualUser.value, secret: mutual } }),
    digests: {
      header: digests === 'header' || digests === 'both',
      data: digests === 'data' || digests === 'both',
    },
  };
}

/** The one place of two where a secret lies. */
export function secretOf(
  file: Placed<string> | undefined,
  env: Placed<string> | undefined,
  tell: (place: Placed<string>, wrong: string, mend: string) => void,
): Placed<SecretPlace> | undefined {
  if (file !== undefined && env !== undefined) tell(env, 'a secret in two places', 'keep one of the two keys');
  if (file !== undefined) return { ...file, value: { file: file.value } };
  return env === undefined ? undefined : { ...env, value: { env: env.value } };
}
