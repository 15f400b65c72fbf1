import { dirname, extname, resolve } from 'node:path';
import { readConfigText } from '../../hw/configFile.ts';
import { loadPcap } from '../../hw/tap.ts';
import { Fault } from '../base/fault.ts';
import type { Unserved } from './configCheck.ts';
import { ConfigFault } from './configFault.ts';
import { readJson } from './configJson.ts';
import { unitConfig } from './configShape.ts';
import { type ConfigNode, isMistake, type Mistake, placeOf } from './configTree.ts';

/** What one unit is to do; every path is absolute (or `-` in `replay`), every default is filled in. */
export interface UnitConfig {
  source: {
    /** Capture files in the order given, one stream of time; `-` is standard input. */
    replay: string[];
  };
  buffer: {
    bytes: number;
    /** Share of `bytes` that stays free before changes are kept LBN-only. */
    threshold: number;
    whenFull: 'wait' | 'lbn';
  };
  volumes: VolumeConfig[];
  /** How long an in-doubt write may still land once its connection is gone (B6), in milliseconds of capture time. */
  settleMs: number;
  /** How long and how far bytes may be missing before they are a hole (A6). */
  reorder: { ms: number; bytes: number };
}

export interface VolumeConfig {
  /** `TARGET-NAME/LUN` or `IP:PORT/LUN`, as written. */
  lu: string;
  /** `IP:PORT` in the form of `base/address`: IPv6 shortest, in brackets. */
  portals: string[];
  /** Path of the first volume. */
  first?: string;
  mirrors: MirrorConfig[];
  /** Bytes. */
  blockSize?: number;
  /** Capacity in blocks. */
  blocks?: number;
}

export interface MirrorConfig {
  /** The URL as written, for the report. */
  to: string;
  path: string;
}

/**
 * Reads and checks a configuration, JSON or YAML. Relative paths in it start at its own folder.
 *
 * Rejects with a `ConfigFault` for mistakes in it, with a plain `Fault` when the file itself cannot be read.
 */
export async function loadConfig(path: string): Promise<UnitConfig> {
  const text = await readConfigText(path);
  const root = await readTree(path, text);
  if (isMistake(root)) throw new ConfigFault([mistakeLine(path, text, root)]);
  const book: Mistake[] = [];
  const tap = asksForTap(root) ? await tapWords() : TAP;
  const config = unitConfig(root, { folder: dirname(resolve(path)), self: resolve(path), tap }, book);
  if (book.length > 0 || config === undefined) {
    book.sort((a, b) => a.at - b.at);
    throw new ConfigFault(book.map((mistake) => mistakeLine(path, text, mistake)));
  }
  return config;
}

async function readTree(path: string, text: string): Promise<ConfigNode | Mistake> {
  const extension = extname(path).toLowerCase();
  const yaml = extension === '.yaml' || extension === '.yml' || (extension !== '.json' && !/^\s*[{[]/.test(text));
  // Loaded only for YAML: it is half of what a short run takes to start.
  return yaml ? (await import('./configYaml.ts')).readYaml(text) : readJson(text);
}

function mistakeLine(path: string, text: string, { at, where, wrong, mend }: Mistake): string {
  const { line, column } = placeOf(text, at);
  return `${path}:${line}:${column}: ${where === '' ? '' : `${where}: `}${wrong}; ${mend}`;
}

const TAP: Unserved = {
  wrong: '`tapmirror mirror` replays capture files; a live tap is not in this version',
  mend: 'capture the bus with `tcpdump -s 0 -w FILE` and name FILE in source.replay',
};

function asksForTap(root: ConfigNode): boolean {
  if (root.kind !== 'map') return false;
  const source = root.entries.find(({ key }) => key === 'source')?.value;
  return source?.kind === 'map' && source.entries.some(({ key }) => key === 'tap');
}

async function tapWords(): Promise<Unserved> {
  try {
    await loadPcap();
    return TAP;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { wrong: `${TAP.wrong}, and ${error.message} (${error.mend})`, mend: TAP.mend };
  }
}
