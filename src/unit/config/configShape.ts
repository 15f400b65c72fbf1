import { resolve } from 'node:path';
import { liveConfig } from './configLive.ts';
import { replayConfig } from './configReplay.ts';
import type { SecretWant } from './configSecrets.ts';
import type { RawTls } from './configTls.ts';
import type { ConfigEntry, ConfigNode, Mistake } from './configTree.ts';
import type { Config } from './configTypes.ts';

/** Where the configuration stands, and for which command it is read. */
export interface Surroundings {
  /** The configuration file's own absolute path. */
  readonly self: string;
  /** The kind that is needed; absent: either. */
  readonly wanted?: Config['kind'];
  /** A path as an absolute one; `-` as it is. */
  at(path: string): string;
}

/** A configuration that still lacks the secrets it only names. */
export interface Draft {
  readonly config: Config;
  readonly wants: readonly SecretWant[];
  /** The certificates' files, still to be read. */
  readonly tls?: RawTls;
}

/** Relative paths start at `folder`. */
export function surroundings(folder: string, self: string, wanted?: Config['kind']): Surroundings {
  const at = (path: string): string => (path === '-' ? path : resolve(folder, path));
  return { self, at, ...(wanted === undefined ? {} : { wanted }) };
}

/** The configuration in a tree; its mistakes go into `book`, and then the result means nothing. */
export function unitConfig(root: ConfigNode, around: Surroundings, book: Mistake[]): Draft | undefined {
  const named = attachments(root);
  const live = named.find(({ key }) => key !== 'replay');
  const kind = live !== undefined ? 'live' : named.length > 0 ? 'replay' : undefined;
  const { wanted } = around;
  if (kind !== undefined && wanted !== undefined && kind !== wanted) {
    const { key, keyAt } = live ?? named[0];
    book.push({ at: keyAt, where: /^(?:receive|serve)$/.test(key) ? key : `source.${key}`, ...WRONG_KIND[kind] });
    return undefined;
  }
  if ((kind ?? wanted) === 'live') return liveConfig(root, around, book);
  const config = replayConfig(root, around, book);
  return config === undefined ? undefined : { config, wants: [] };
}

const WRONG_KIND: Readonly<Record<Config['kind'], { wrong: string; mend: string }>> = {
  live: {
    wrong: '`tapmirror mirror` replays captures, and this is for a unit that runs',
    mend: 'start the unit with `tapmirror run --config FILE`, or name captures in source.replay',
  },
  replay: {
    wrong: '`tapmirror run` attaches to a live bus, and this is a list of captures',
    mend: 'replay them with `tapmirror mirror --config FILE`, or write "tap" or "tee" in source',
  },
};

/** The entries that say where the unit has its bytes from: those of `source`, `receive` and `serve`. */
function attachments(root: ConfigNode): ConfigEntry[] {
  if (root.kind !== 'map') return [];
  const source = root.entries.find(({ key }) => key === 'source')?.value;
  const named = source?.kind === 'map' ? source.entries.filter(({ key }) => /^(?:replay|tap|tee)$/.test(key)) : [];
  return [...named, ...root.entries.filter(({ key }) => key === 'receive' || key === 'serve')];
}
