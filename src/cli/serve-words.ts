import { basename } from 'node:path';
import { UsageFault } from './errors.ts';

/** Whom hosts have to prove to be, as options name it. */
export interface ProofOptions {
  user?: string;
  secretFile?: string;
  secretEnv?: string;
}

/** The user and the secret that is meant; neither where none is asked for. Rejects with a `UsageFault`. */
export async function proofOf(
  { user, secretFile, secretEnv }: ProofOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ user?: string; secret?: string }> {
  if (user === undefined && secretFile === undefined && secretEnv === undefined) return {};
  if (user === undefined || (secretFile === undefined) === (secretEnv === undefined)) {
    const mend = 'give --user and one of --secret-file, --secret-env';
    throw new UsageFault('--user needs a secret, and a secret a user', mend);
  }
  if (secretFile !== undefined) {
    const { readSecretFile } = await import('../../hw/configFile.ts');
    return { user, secret: (await readSecretFile(secretFile)).secret };
  }
  const secret = env[secretEnv ?? ''];
  if (!secret) throw new UsageFault(`the environment variable ${secretEnv} is not set`, 'set it where this is started');
  return { user, secret };
}

/** A name for a target (RFC 7143 section 4.2.7): lower case, no characters that names do not have. */
export function nameOf(image: string): string {
  const words = basename(image)
    .toLowerCase()
    .replace(/\.(?:img|raw|bin|iso)$/, '')
    .replace(/[^a-z0-9.:-]+/g, '-')
    .replace(/^[-.:]+|[-.:]+$/g, '');
  return `iqn.2024-01.io.tapmirror:${words === '' ? 'volume' : words}`;
}
