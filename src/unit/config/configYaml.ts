import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import { type ConfigEntry, type ConfigNode, isMistake, type Mistake } from './configTree.ts';

/** Reads YAML 1.2 (core schema) and keeps every value's place. Returns the tree, or the first mistake. */
export function readYaml(text: string): ConfigNode | Mistake {
  const documents = parseAllDocuments(text, {
    lineCounter: new LineCounter(),
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents) || documents.length === 0)
    return wrong(0, 'the file is empty', 'see `tapmirror mirror --help`');
  for (const document of documents) {
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) {
      return wrong(
        problem.pos[0],
        `not YAML: ${problem.message.split('\n')[0]}`,
        'mend the indentation or the quotes there',
      );
    }
  }
  if (documents.length > 1) {
    return wrong(documents[1].range[0], 'a second YAML document', 'keep one configuration in a file: remove the `---`');
  }
  const root = documents[0].contents;
  if (root === null) return wrong(0, 'the file is empty', 'see `tapmirror mirror --help`');

  // Each anchor's node is built once however often it is used, so that aliases of aliases cost nothing.
  const built = new Map<Node, ConfigNode | 'open'>();
  const build = (node: Node | null, at: number): ConfigNode | Mistake => {
    if (node === null) return { kind: 'scalar', at, value: null };
    const start = node.range?.[0] ?? at;
    if (isAlias(node)) {
      const target = node.resolve(documents[0]);
      if (target === undefined) return wrong(start, `*${node.source} names no anchor`, 'define it before with `&`');
      return build(target, start);
    }
    const known = built.get(node);
    if (known === 'open') return wrong(start, 'an alias that contains itself', 'write the value out');
    if (known !== undefined) return known;
    built.set(node, 'open');
    const result = content(node, start);
    if (!isMistake(result)) built.set(node, result);
    return result;
  };
  const content = (node: Node, at: number): ConfigNode | Mistake => {
    if (isMap(node)) {
      const entries: ConfigEntry[] = [];
      for (const pair of node.items) {
        const key = pair.key as Node | null;
        const keyAt = key?.range?.[0] ?? at;
        if (!isScalar(key)) return wrong(keyAt, 'a key that is not a plain word', 'write `key: value`');
        const value = build(pair.value as Node | null, keyAt);
        if (isMistake(value)) return value;
        entries.push({ key: String(key.value), keyAt, value });
      }
      return { kind: 'map', at, entries };
    }
    if (isSeq(node)) {
      const items: ConfigNode[] = [];
      for (const item of node.items) {
        const value = build(item as Node | null, at);
        if (isMistake(value)) return value;
        items.push(value);
      }
      return { kind: 'list', at, items };
    }
    const value: unknown = isScalar(node) ? node.value : undefined;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', at, value };
    }
    return wrong(at, 'a kind of value that a configuration does not use', 'write a text, a number, true or false');
  };
  return build(root, 0);
}

function wrong(at: number, what: string, mend: string): Mistake {
  return { at, where: '', wrong: what, mend };
}
