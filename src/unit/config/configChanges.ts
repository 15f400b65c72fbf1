import type { ChangedMirror } from '../../../hw/changedFile.ts';
import { mirrorMedium } from './configMedium.ts';
import type { ConfigEntry, ConfigList, ConfigMap, ConfigNode } from './configTree.ts';
import { mediumKey } from './configTwins.ts';

/** A configuration with the mirrors that were added and removed since somebody wrote it. */
export interface Changed {
  root: ConfigNode;
  /** Those in which the unit differs from what is written. */
  lasting: ChangedMirror[];
  /** Those that the configuration has by now, or of volumes that it has no more: of no use any more. */
  over: ChangedMirror[];
}

/** `at`: a path as an absolute one. Nothing is checked here. */
export function withChanges(
  root: ConfigNode,
  changes: readonly ChangedMirror[],
  at: (path: string) => string,
): Changed {
  const changed: Changed = { root, lasting: [], over: [] };
  for (const change of changes) {
    const next = withChange(changed.root, change, at);
    if (next) changed.root = next;
    (next ? changed.lasting : changed.over).push(change);
  }
  return changed;
}

/** The entry of `mirrors` that names this medium, as it is written; undefined where there is none. */
export function mirrorNode(
  root: ConfigNode,
  volume: string,
  mirror: ConfigNode,
  at: (path: string) => string,
): ConfigNode | undefined {
  const list = find(root, volume)?.list;
  return list?.items.find((item) => keyOf(item, at) === keyOf(mirror, at));
}

/** Whether both are ways to write one medium. */
export function sameMedium(one: ConfigNode, other: ConfigNode, at: (path: string) => string): boolean {
  return keyOf(one, at) === keyOf(other, at);
}

/** Whether both say the same, in whatever order. */
export function sameNode(one: ConfigNode, other: ConfigNode): boolean {
  return JSON.stringify(plainOf(one)) === JSON.stringify(plainOf(other));
}

/** A value from JSON as a part of a configuration, all of it at one place of the text. */
export function nodeOf(value: unknown, at: number): ConfigNode {
  if (Array.isArray(value)) return { kind: 'list', at, items: value.map((one) => nodeOf(one, at)) };
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, one]) => ({ key, keyAt: at, value: nodeOf(one, at) }));
    return { kind: 'map', at, entries };
  }
  const scalar = ['string', 'number', 'boolean'].includes(typeof value) ? (value as string | number | boolean) : null;
  return { kind: 'scalar', at, value: scalar };
}

function withChange(root: ConfigNode, change: ChangedMirror, at: (path: string) => string): ConfigNode | undefined {
  const found = find(root, change.volume);
  if (found === undefined) return undefined;
  const { list, replace } = found;
  const node = nodeOf(change.change === 'added' ? change.as : change.mirror, list.at);
  const key = keyOf(node, at);
  const there = list.items.some((item) => keyOf(item, at) === key);
  if (there === (change.change === 'added')) return undefined;
  return replace(there ? list.items.filter((item) => keyOf(item, at) !== key) : [...list.items, node]);
}

interface Found {
  list: ConfigList;
  /** The whole configuration with other mirrors there. */
  replace: (items: readonly ConfigNode[]) => ConfigNode;
}

/** The mirrors of the volume of this LU, or, where it comes over a link, of this name. */
function find(root: ConfigNode, volume: string): Found | undefined {
  const volumes = root.kind === 'map' ? entryOf(root, 'volumes') : undefined;
  if (root.kind !== 'map' || volumes?.value.kind !== 'list') return undefined;
  const { items } = volumes.value;
  for (const [i, item] of items.entries()) {
    const mirrors = item.kind === 'map' ? entryOf(item, 'mirrors') : undefined;
    if (item.kind !== 'map' || mirrors?.value.kind !== 'list' || nameOf(item) !== volume) continue;
    const list = mirrors.value;
    const replace = (mirrors: readonly ConfigNode[]): ConfigNode => {
      const changed = withEntry(item, 'mirrors', { ...list, items: mirrors });
      const all: ConfigList = { kind: 'list', at: volumes.value.at, items: items.with(i, changed) };
      return withEntry(root, 'volumes', all);
    };
    return { list, replace };
  }
  return undefined;
}

function nameOf(volume: ConfigMap): unknown {
  const entry = entryOf(volume, 'lu') ?? entryOf(volume, 'name');
  return entry?.value.kind === 'scalar' ? entry.value.value : undefined;
}

function entryOf({ entries }: ConfigMap, key: string): ConfigEntry | undefined {
  return entries.find((entry) => entry.key === key);
}

function withEntry(map: ConfigMap, key: string, value: ConfigNode): ConfigMap {
  return { ...map, entries: map.entries.map((entry) => (entry.key === key ? { ...entry, value } : entry)) };
}

/** Equal for two ways to write one medium; what is not understood is itself. */
function keyOf(node: ConfigNode, at: (path: string) => string): string {
  const raw = mirrorMedium(node, '', []);
  if (raw !== undefined) return mediumKey(raw, at);
  const to = node.kind === 'map' ? entryOf(node, 'to')?.value : node;
  return JSON.stringify(to?.kind === 'scalar' ? to.value : null);
}

function plainOf(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainOf);
  const pairs = node.entries.map(({ key, value }): [string, unknown] => [key, plainOf(value)]);
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}
