import { type Check, group, list, text } from './configCheck.ts';
import type { WebConfig } from './configTypes.ts';
import { portal } from './configValues.ts';

/** As it is written. */
export interface RawWeb {
  listen: string;
  names?: string[];
}

const name: Check<string> = text<string>((words) => {
  const value = words.toLowerCase();
  const mend = 'write the name alone, without a port';
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(value) ? { value } : { wrong: 'not a name of a machine', mend };
}, 'unit-a.example');

export const web: Check<RawWeb> = group<RawWeb>({
  listen: { check: portal, required: 'write "listen": "127.0.0.1:9464", where metrics and the status page are served' },
  names: { check: list(name, 0, '["unit-a.example"]') },
});

export function webConfig({ listen, names = [] }: RawWeb): WebConfig {
  return { listen, names };
}
