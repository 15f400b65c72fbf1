import assert from 'node:assert/strict';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { loadPcap } from '../../../hw/tap.ts';
import { sweepSpaces } from '../../leftovers.ts';
import { CONTAINER, LAYER } from './machineRoot.ts';
import { Net } from './net.ts';
import { run } from './processes.ts';

/** What a suite needs beyond namespaces and cables between them. */
export type Part =
  | 'tgt'
  | 'istgt'
  | 'libiscsi'
  | 'qemu'
  | 'pcap'
  | 'vxlan'
  | 'mirror-port'
  | 'loop'
  | 'mount'
  | 'promtool'
  | 'machine'
  | 'guest';

const PROGRAMS: Record<Part | 'always', readonly string[]> = {
  always: ['ip', 'ethtool', 'setpriv', 'flock'],
  tgt: ['tgtd', 'tgtadm'],
  istgt: ['istgt'],
  libiscsi: ['iscsi-test-cu'],
  qemu: ['qemu-io', 'qemu-img'],
  pcap: [],
  vxlan: [],
  'mirror-port': ['tc'],
  loop: ['losetup', 'blockdev'],
  mount: ['mount', 'umount'],
  promtool: ['promtool'],
  guest: ['apt-get', 'dpkg', 'dpkg-deb', 'tar', 'chroot'],
  machine: ['systemd-nspawn', 'nsenter', 'unshare', 'dpkg', 'dpkg-deb'],
};

const found = new Map<string, Promise<string | undefined>>();

/** Why this cannot be had here, in a few words; undefined when it can. Asked once. */
function lack(part: Part | 'always'): Promise<string | undefined> {
  const known = found.get(part) ?? look(part);
  found.set(part, known);
  return known;
}

async function look(part: Part | 'always'): Promise<string | undefined> {
  // Before the first test: what runs that were killed have left.
  if (part === 'always') sweepSpaces();
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'network namespaces and tgtd need root';
  const missing = PROGRAMS[part].filter((name) => !installed(name));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  if (part === 'pcap') {
    return loadPcap().then(
      () => undefined,
      (error: Error) => error.message,
    );
  }
  return TRIALS[part]?.().then(
    () => undefined,
    (error: Error) => `the kernel, or what may be done here, lacks it (${part}): ${error.message}`,
  );
}

const TRIALS: Partial<Record<Part | 'always', () => Promise<void>>> = {
  always: () => tried(async (net, space) => net.cable(plug(space, 'a'), plug(space, 'b'))),
  vxlan: () =>
    tried(async (_, space) => void (await run(undefined, ['ip', '-n', space, 'link', 'add', 'name', 'v', ...VXLAN]))),
  'mirror-port': () =>
    tried(async (net, space) => {
      await net.cable(plug(space, 'a'), plug(space, 'b'));
      await net.cable(plug(space, 'c'), plug(space, 'd'));
      await net.mirrorPort(space, 'a', 'c', ['ingress', 'egress']);
    }),
  machine: tryMachine,
  loop: async () => void (await run(undefined, ['losetup', '-f'])),
};

const VXLAN = ['type', 'vxlan', 'id', '1', 'remote', '127.0.0.1', 'dstport', '4789', 'dev', 'lo'];

const plug = (space: string, name: string) => ({ space, name, addresses: [] });

/** Whether a program runs in a container whose root is this machine's, with a layer above it. */
async function tryMachine(): Promise<void> {
  const layer = mkdtempSync(join(tmpdir(), 'tapmirror-machine-'));
  try {
    const words = ['unshare', '--mount', 'sh', '-c', `${LAYER}\nexec systemd-nspawn -q -D "$1/root" ${CONTAINER} true`];
    await run(undefined, [...words, 'try', layer]);
  } finally {
    rmSync(layer, { recursive: true });
  }
}

async function tried(trial: (net: Net, space: string) => Promise<void>): Promise<void> {
  const net = new Net();
  try {
    await trial(net, await net.space('try'));
  } finally {
    await net.close();
  }
}

function installed(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const told = new Set<string>();

/** Skips the suite or test where one of the parts is missing, and says which; with TAPMIRROR_LIVE=required that is a failure. */
export async function need(context: Mocha.Context, parts: readonly Part[]): Promise<void> {
  for (const part of ['always', ...parts] as const) {
    const why = await lack(part);
    if (why === undefined) continue;
    if (process.env.TAPMIRROR_LIVE === 'required') assert.fail(`this live test cannot run: ${why}`);
    if (!told.has(why)) console.log(`    live tests are skipped: ${why}`);
    told.add(why);
    context.skip();
  }
}
