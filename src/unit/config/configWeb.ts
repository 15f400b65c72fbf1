import { type Check, group, list, type Placed, placed, text } from './configCheck.ts';
import type { SecretPlace } from './configMedium.ts';
import { absolute, type SecretWant } from './configSecrets.ts';
import type { WebConfig } from './configTypes.ts';
import { path, portal } from './configValues.ts';

/** As it is written. */
export interface RawWeb {
  listen: string;
  names?: string[];
  tokenFile?: Placed<string>;
}

/** Shorter ones can be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
const TOKEN_CHARACTERS_MAX = 512;

const name: Check<string> = text<string>((words) => {
  const value = words.toLowerCase();
  const mend = 'write the name alone, without a port';
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value) ? { value } : { wrong: 'not a name of a machine', mend };
}, 'unit-a.example');

export const web: Check<RawWeb> = group<RawWeb>({
  listen: { check: portal, required: 'write "listen": "127.0.0.1:9464", where metrics and the status page are served' },
  names: { check: list(name, 0, '["unit-a.example"]') },
  tokenFile: { check: placed(path('/etc/tapmirror/web.token')) },
});

export function webConfig(
  { listen, names = [], tokenFile }: RawWeb,
  at: (path: string) => string,
  wants: SecretWant[],
): WebConfig {
  const config: WebConfig = { listen, names };
  if (tokenFile === undefined) return config;
  const { value: file, ...place } = tokenFile;
  const from: Placed<SecretPlace> = { ...place, value: { file } };
  wants.push({
    from: absolute(from, at),
    put: (token) => {
      if (token.length < TOKEN_CHARACTERS_MIN || token.length > TOKEN_CHARACTERS_MAX || /[^!-~]/.test(token)) {
        return { wrong: 'not a token that can be used', mend: 'make one: openssl rand -hex 24 >web.token' };
      }
      config.token = token;
      return undefined;
    },
  });
  return config;
}
