import { isOpenToAll, readSecretFile } from '../../../hw/configFile.ts';
import { Fault } from '../../base/fault.ts';
import type { LuUrl } from '../../base/luUrl.ts';
import type { Placed } from './configCheck.ts';
import type { RawMedium, RawMirror, SecretPlace } from './configMedium.ts';
import { type Mistake, quoted } from './configTree.ts';
import type { LiveMirrorConfig, MediumConfig } from './configTypes.ts';

/** A secret that is still to be read: where it lies, and where it goes. */
export interface SecretWant {
  readonly from: Placed<SecretPlace>;
  /** Takes the secret; returns words when it cannot be used, without repeating it. */
  put(secret: string): { wrong: string; mend: string } | undefined;
}

/** The same for a mirror, which may be a volume at another unit. */
export function mirrorConfig(raw: RawMirror, at: (path: string) => string, wants: SecretWant[]): LiveMirrorConfig {
  if (raw.kind !== 'journey') return mediumConfig(raw, at, wants);
  const { buffer, compress = 'auto', ...rest } = raw;
  return { ...rest, compress, ...(buffer === undefined ? {} : { buffer: { ...LINK_BUFFER, ...buffer } }) };
}

const LINK_BUFFER = { bytes: 64 << 20, threshold: 0.25 };

/** The medium as the configuration gives it; what it lacks of secrets is put on `wants`. */
export function mediumConfig(raw: RawMedium, at: (path: string) => string, wants: SecretWant[]): MediumConfig {
  if (raw.kind === 'file') return { ...raw, path: at(raw.path) };
  const { to, digests } = raw;
  const url: LuUrl = { ...raw.url };
  if (raw.secret !== undefined) {
    wants.push({
      from: absolute(raw.secret, at),
      put: (secret) => {
        url.secret = secret;
        return undefined;
      },
    });
  }
  if (raw.mutual === undefined) return { kind: 'lu', to, url, digests };
  const mutual = { user: raw.mutual.user, secret: '' };
  wants.push({
    from: absolute(raw.mutual.secret, at),
    put: (secret) => {
      mutual.secret = secret;
      return secret === url.secret ? SAME_SECRETS : undefined;
    },
  });
  return { kind: 'lu', to, url, mutual, digests };
}

const SAME_SECRETS = {
  wrong: 'the same secret in both directions (RFC 7143 section 9.2.1 forbids it)',
  mend: 'give the target a secret of its own',
};

/** The same place, with a path that starts at the root. */
export function absolute({ value, ...place }: Placed<SecretPlace>, at: (path: string) => string): Placed<SecretPlace> {
  return { ...place, value: 'file' in value ? { file: at(value.file) } : value };
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads every secret that is wanted. What is wrong goes into `book`; what should be known comes back as words. */
export async function readSecrets(wants: readonly SecretWant[], env: Environment, book: Mistake[]): Promise<string[]> {
  const warnings: string[] = [];
  for (const want of wants) {
    const { value, at, where } = want.from;
    const read = 'file' in value ? await fromFile(value.file) : fromVariable(value.env, env);
    const wrong = 'secret' in read ? want.put(read.secret) : read;
    if (wrong !== undefined) book.push({ at, where, ...wrong });
    if ('open' in read && read.open && 'file' in value) warnings.push(openWords(value.file));
  }
  return warnings;
}

/** A warning about a configuration that holds a secret and that every user may read. */
export async function openConfigWords(path: string): Promise<string[]> {
  return (await isOpenToAll(path)) ? [openWords(path)] : [];
}

function openWords(path: string): string {
  return `every user of this machine may read the secret in ${path}; run: chmod o-r ${quoted(path)}`;
}

type Read = { secret: string; open?: boolean } | { wrong: string; mend: string };

async function fromFile(path: string): Promise<Read> {
  try {
    return await readSecretFile(path);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { wrong: error.message, mend: error.mend ?? 'check the file' };
  }
}

function fromVariable(name: string, env: Environment): Read {
  const secret = env[name];
  if (secret === undefined || secret === '') {
    return { wrong: `the environment variable ${name} is not set`, mend: 'set it where the unit is started' };
  }
  return { secret };
}
