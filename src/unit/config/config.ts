import { dirname, extname, resolve } from 'node:path';
import { type ChangedMirror, readChanged } from '../../../hw/changedFile.ts';
import { readConfigText } from '../../../hw/configFile.ts';
import { Fault } from '../../base/fault.ts';
import { type Changed, mirrorNode, nodeOf, sameMedium, sameNode, withChanges } from './configChanges.ts';
import { ConfigFault } from './configFault.ts';
import { readJson } from './configJson.ts';
import { controlPath } from './configLive.ts';
import { type Environment, openConfigWords, readSecrets } from './configSecrets.ts';
import { type Draft, type Surroundings, surroundings, unitConfig } from './configShape.ts';
import { type ConfigNode, isMistake, type Mistake, placeOf } from './configTree.ts';
import type { Config, LiveConfig, ReplayConfig } from './configTypes.ts';

export type {
  Config,
  FileMedium,
  HistoryConfig,
  JourneyMedium,
  LiveConfig,
  LiveMirrorConfig,
  LiveVolumeConfig,
  LuMedium,
  MediumConfig,
  MirrorConfig,
  ReceiveConfig,
  ReceivedVolumeConfig,
  ReplayConfig,
  /** What a replay does. */
  ReplayConfig as UnitConfig,
  TapSource,
  TeeSource,
  TlsConfig,
  VolumeConfig,
} from './configTypes.ts';

/**
 * Reads and checks a configuration of either kind, JSON or YAML. Relative paths in it start at its own folder; secrets that
 * it only names are read from their files and from `env`.
 *
 * Rejects with a `ConfigFault` for mistakes in it, with a plain `Fault` when the file itself cannot be read.
 */
export async function loadConfig(path: string, env: Environment = process.env): Promise<Config> {
  return load(path, undefined, env);
}

/** The same for `tapmirror mirror`: a configuration for a live bus is a mistake. */
export async function loadReplayConfig(path: string): Promise<ReplayConfig> {
  return (await load(path, 'replay', {})) as ReplayConfig;
}

/** The same for `tapmirror run`: a configuration that names captures is a mistake. */
export async function loadLiveConfig(path: string, env: Environment = process.env): Promise<LiveConfig> {
  return (await load(path, 'live', env)) as LiveConfig;
}

/** The mirrors of a unit as its configuration names them, and what was changed of that since. */
export interface UnitMirrors extends Pick<Changed, 'lasting' | 'over'> {
  /** The configuration with these changes. Rejects with a `Fault` where it would be wrong then. */
  amend(changes: readonly ChangedMirror[]): Promise<Pick<Changed, 'lasting' | 'over'> & { config: LiveConfig }>;
  /** Whether the configuration itself, without any change, names this medium among the volume's mirrors; and just so. */
  written(volume: string, as: unknown): 'so' | 'otherwise' | undefined;
  /** Whether both are ways to write one medium. */
  same(one: unknown, other: unknown): boolean;
}

/** A unit's configuration with the mirrors that were added to it and removed while it ran. Rejects as `loadLiveConfig`. */
export async function loadUnit(
  path: string,
  env: Environment = process.env,
): Promise<{ config: LiveConfig; mirrors: UnitMirrors }> {
  const source = await readRoot(path);
  const written = (await configIn(path, source, 'live', env)) as LiveConfig;
  return withMirrors(path, source, written, await readChanged(written.state), env);
}

/** The same for a configuration of either kind, with what was changed, as far as this user may know. */
export async function loadAny(
  path: string,
  env: Environment = process.env,
): Promise<{ config: Config; changed: readonly ChangedMirror[] }> {
  const source = await readRoot(path);
  const config = await configIn(path, source, undefined, env);
  if (config.kind === 'replay') return { config, changed: [] };
  const unit = await withMirrors(path, source, config, await readable(readChanged(config.state)), env);
  return { config: unit.config, changed: unit.mirrors.lasting };
}

async function withMirrors(
  path: string,
  { text, root }: Source,
  written: LiveConfig,
  changes: readonly ChangedMirror[],
  env: Environment,
): Promise<{ config: LiveConfig; mirrors: UnitMirrors }> {
  const { at } = around(path);
  const amended = async (changes: readonly ChangedMirror[], fault?: (book: Mistake[]) => Fault) => {
    const { root: changed, ...rest } = withChanges(root, changes, at);
    const config = (await configIn(path, { text, root: changed }, 'live', env, fault)) as LiveConfig;
    return { ...rest, config };
  };
  const refusal = (book: Mistake[]): Fault => changedFault(faultOf(path, text, book), written.state);
  const { config, lasting, over } =
    changes.length === 0 ? { config: written, lasting: [], over: [] } : await amended(changes, refusal);
  const mirrors: UnitMirrors = {
    lasting,
    over,
    amend: (list) => amended(list, ([{ wrong, mend }]) => new Fault('peer', wrong, mend)),
    written: (volume, as) => {
      const node = mirrorNode(root, volume, nodeOf(as, 0), at);
      if (node === undefined) return undefined;
      return typeof as === 'string' || sameNode(node, nodeOf(as, 0)) ? 'so' : 'otherwise';
    },
    same: (one, other) => sameMedium(nodeOf(one, 0), nodeOf(other, 0), at),
  };
  return { config, mirrors };
}

/** The state folder is its unit's alone: somebody else who looks has the configuration. */
async function readable(reading: Promise<ChangedMirror[]>): Promise<ChangedMirror[]> {
  try {
    return await reading;
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code === 'EACCES') return [];
    throw error;
  }
}

/** A configuration that is right in itself is wrong together with what was changed while the unit ran. */
function changedFault({ mistakes }: ConfigFault, state: string): ConfigFault {
  const why = `together with the mirrors that were added or removed while the unit ran, in ${state}/mirrors.json`;
  return new ConfigFault([
    ...mistakes,
    `${why}; write these into the configuration, or delete that file to give them up`,
  ]);
}

/** Where the control socket of the unit with this configuration is; nothing else of it is looked at. */
export async function loadControlPath(path: string): Promise<string> {
  const { text, root } = await readRoot(path);
  const book: Mistake[] = [];
  const control = controlPath(root, around(path), book);
  if (control === undefined) throw faultOf(path, text, book);
  return control;
}

async function load(path: string, wanted: Config['kind'] | undefined, env: Environment): Promise<Config> {
  return configIn(path, await readRoot(path), wanted, env);
}

interface Source {
  text: string;
  root: ConfigNode;
}

async function configIn(
  path: string,
  { text, root }: Source,
  wanted: Config['kind'] | undefined,
  env: Environment,
  fault: (book: Mistake[]) => Fault = (book) => faultOf(path, text, book),
): Promise<Config> {
  const book: Mistake[] = [];
  const draft = unitConfig(root, around(path, wanted), book);
  if (draft === undefined || book.length > 0) throw fault(book);
  const warnings = await readSecrets(draft.wants, env, book);
  if (book.length > 0) throw fault(book);
  const { config, tls } = draft;
  if (config.kind === 'replay') return config;
  if (holdsSecret(draft)) warnings.push(...(await openConfigWords(resolve(path))));
  if (tls === undefined) return { ...config, warnings };
  const read = await (await import('./configTls.ts')).readTls(tls, around(path).at, book);
  if (book.length > 0) throw fault(book);
  return { ...config, tls: read.tls, warnings: [...warnings, ...read.warnings] };
}

function around(path: string, wanted?: Config['kind']): Surroundings {
  return surroundings(dirname(resolve(path)), resolve(path), wanted);
}

/** Whether a URL in the text itself has a secret in it: more media have one than were read from elsewhere. */
function holdsSecret({ config, wants }: Draft): boolean {
  if (config.kind === 'replay') return false;
  const { targets = [], discovery } = config.serve ?? {};
  const served = targets.flatMap(({ luns }) => luns.map(({ from }) => from));
  const mirrored = config.volumes.flatMap(({ first, mirrors }) => [
    ...(first === undefined ? [] : [first]),
    ...mirrors,
  ]);
  const held = [...mirrored, ...served].reduce((n, one) => {
    if (one.kind !== 'lu') return n;
    return n + (one.url.secret === undefined ? 0 : 1) + (one.mutual === undefined ? 0 : 1);
  }, 0);
  const proofs = [...targets.map(({ auth }) => auth), discovery].reduce(
    (n, auth) => n + (auth === undefined ? 0 : auth.users.length + (auth.mutual === undefined ? 0 : 1)),
    0,
  );
  return held + proofs > wants.length;
}

async function readRoot(path: string): Promise<Source> {
  const text = await readConfigText(path);
  const root = await readTree(path, text);
  if (isMistake(root)) throw faultOf(path, text, [root]);
  return { text, root };
}

async function readTree(path: string, text: string): Promise<ConfigNode | Mistake> {
  const extension = extname(path).toLowerCase();
  const yaml = extension === '.yaml' || extension === '.yml' || (extension !== '.json' && !/^\s*[{[]/.test(text));
  // Loaded only for YAML: it is half of what a short run takes to start.
  return yaml ? (await import('./configYaml.ts')).readYaml(text) : readJson(text);
}

function faultOf(path: string, text: string, book: Mistake[]): ConfigFault {
  book.sort((a, b) => a.at - b.at);
  return new ConfigFault(book.map((mistake) => mistakeLine(path, text, mistake)));
}

function mistakeLine(path: string, text: string, { at, where, wrong, mend }: Mistake): string {
  const { line, column } = placeOf(text, at);
  return `${path}:${line}:${column}: ${where === '' ? '' : `${where}: `}${wrong}; ${mend}`;
}
