import type { ConfigNode } from '../../../../src/unit/config/configTree.ts';

/** A configuration that is right, but for these changes of it and of its volume. */
export function good(changes: object = {}, volume: object = {}): Record<string, unknown> {
  return {
    source: { replay: ['bus.pcap'] },
    volumes: [{ lu: 'iqn.2024-01.lab.example:1/1', mirrors: ['file:second.img'], ...volume }],
    ...changes,
  };
}

/** A tree back to plain values. */
export function plain(node: ConfigNode): unknown {
  if (node.kind === 'list') return node.items.map(plain);
  if (node.kind === 'map') return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
  return node.value;
}
