import { withoutSecret } from '../../base/luUrl.ts';

/** A configuration as a tree that remembers where each part stood, whether it was written as JSON or YAML. */
export type ConfigNode = ConfigMap | ConfigList | ConfigScalar;

export interface ConfigMap {
  readonly kind: 'map';
  /** Offset of the node's first character in the text. */
  readonly at: number;
  readonly entries: readonly ConfigEntry[];
}

export interface ConfigEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: ConfigNode;
}

export interface ConfigList {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly ConfigNode[];
}

export interface ConfigScalar {
  readonly kind: 'scalar';
  readonly at: number;
  readonly value: string | number | boolean | null;
}

/** One thing to mend: where in the text, where in the tree, what is wrong, and the mend. */
export interface Mistake {
  readonly at: number;
  /** For example `volumes[0].mirrors[1]`; empty for the text as a whole. */
  readonly where: string;
  readonly wrong: string;
  readonly mend: string;
}

/** Text that is not JSON or YAML at all: the one mistake that hides all others. */
export function isMistake(value: ConfigNode | Mistake): value is Mistake {
  return 'wrong' in value;
}

/** 1-based line and column of an offset; columns count UTF-16 units, as editors do. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let i = before.indexOf('\n'); i >= 0; i = before.indexOf('\n', i + 1)) line++;
  return { line, column: before.length - lineStart + 1 };
}

/** What a node is, in a reader's words. */
export function kindWords(node: ConfigNode): string {
  if (node.kind === 'map') return 'a group of keys';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'empty';
  if (typeof node.value === 'string') return `the text ${quoted(node.value)}`;
  return `${node.value}`;
}

/** A value from outside, shortened, safe to print on one line, and without the secret that a URL may hold. */
export function quoted(text: string): string {
  const url = !/^file:/i.test(text) && /:\/\/|^iscsi:|@/i.test(text);
  const shown = url ? withoutSecret(text) : text;
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 77)}...` : shown);
}
