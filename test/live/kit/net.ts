import { run } from './processes.ts';

/** One end of a cable. */
export interface Plug {
  space: string;
  name: string;
  addresses: readonly string[];
}

let made = 0;

/** Network namespaces and cables of one test. */
export class Net {
  readonly #spaces: string[] = [];

  /** A new namespace, its loopback up. */
  async space(word: string): Promise<string> {
    const name = `lt-${process.pid}-${++made}-${word}`;
    await run(undefined, ['ip', 'netns', 'add', name]);
    this.#spaces.push(name);
    await run(undefined, ['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    return name;
  }

  /**
   * A cable between two interfaces. Packets on it are as long as the wire would have them: nothing is left to a network
   * card that would join or split them.
   */
  async cable(one: Plug, other: Plug, mtu = 1500): Promise<void> {
    const peer = ['type', 'veth', 'peer', 'name', other.name, 'netns', other.space];
    await run(undefined, ['ip', '-n', one.space, 'link', 'add', 'name', one.name, 'mtu', `${mtu}`, ...peer]);
    await run(undefined, ['ip', '-n', other.space, 'link', 'set', 'dev', other.name, 'mtu', `${mtu}`]);
    for (const { space, name, addresses } of [one, other]) {
      const off = ['tso', 'gso', 'gro', 'tx', 'rx', 'sg'].flatMap((what) => [what, 'off']);
      await run(space, ['ethtool', '-K', name, ...off]);
      for (const address of addresses) {
        const now = address.includes(':') ? ['nodad'] : [];
        await run(undefined, ['ip', '-n', space, 'addr', 'add', address, 'dev', name, ...now]);
      }
      await run(undefined, ['ip', '-n', space, 'link', 'set', 'dev', name, 'up']);
    }
  }

  /** A card whose other end is a process that opens it. */
  async tap(space: string, name: string, address: string): Promise<void> {
    await run(undefined, ['ip', '-n', space, 'tuntap', 'add', 'dev', name, 'mode', 'tap']);
    await run(undefined, ['ip', '-n', space, 'addr', 'add', address, 'dev', name]);
    await run(undefined, ['ip', '-n', space, 'link', 'set', 'dev', name, 'up']);
  }

  async mtu(space: string, name: string, bytes: number): Promise<void> {
    await run(undefined, ['ip', '-n', space, 'link', 'set', 'dev', name, 'mtu', `${bytes}`]);
  }

  /** A mirror port: what comes in at `from`, goes out there, or both, is also sent out at `to`. */
  async mirrorPort(space: string, from: string, to: string, ways: readonly ('ingress' | 'egress')[]): Promise<void> {
    // Both ways may be asked for one after the other.
    if (!(await run(space, ['tc', 'qdisc', 'show', 'dev', from])).includes('clsact')) {
      await run(space, ['tc', 'qdisc', 'add', 'dev', from, 'clsact']);
    }
    for (const way of ways) await run(space, ['tc', ...mirroring(from, way, to)]);
  }

  async close(): Promise<void> {
    for (const space of this.#spaces.splice(0)) await run(undefined, ['ip', 'netns', 'del', space]);
  }
}

/** What `tc` needs for a mirror port; `u32` is the classifier that every kernel with any has. */
function mirroring(from: string, way: string, to: string): string[] {
  const all = ['protocol', 'all', 'u32', 'match', 'u32', '0', '0'];
  return ['filter', 'add', 'dev', from, way, ...all, 'action', 'mirred', 'egress', 'mirror', 'dev', to];
}
