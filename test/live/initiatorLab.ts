import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LuUrl } from '../../src/base/luUrl.ts';
import type { LuTiming } from '../../src/unit/lu/luTiming.ts';
import { type LuVolume, type LuVolumeOptions, openLuVolume } from '../../src/unit/lu/luVolume.ts';

export const IQN = 'iqn.2024-01.lab.example:init';

/** What is missing here for real targets; undefined where nothing is. */
export function whyNot(): string | undefined {
  const missing = ['tgtd', 'tgtadm', 'istgt'].filter((name) => !inPath(name));
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  return process.getuid?.() === 0 ? undefined : 'tgtd needs root';
}

function inPath(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

interface Lun {
  lun: number;
  image: string;
  blockSize: number;
  params: readonly string[];
}

export interface TgtOptions {
  portals: readonly string[];
  control: number;
  target?: string;
  /** tgtadm's target parameters, `Name=Value`. */
  parameters?: readonly string[];
  luns: readonly Lun[];
  /** User and secret that initiators give, and those that the target gives. */
  chap?: readonly string[];
}

/** Real targets with files as LUs, for one test. */
export class TargetLab {
  readonly folder = mkdtempSync(join(tmpdir(), 'initiator-'));
  readonly #running: { stop(): Promise<void> }[] = [];
  readonly #volumes: LuVolume[] = [];
  #isids = 0;

  /** A sparse file of so many bytes. */
  image(name: string, bytes: number): string {
    const path = join(this.folder, name);
    writeFileSync(path, '');
    truncateSync(path, bytes);
    return path;
  }

  async tgt(options: TgtOptions): Promise<Tgt> {
    const target = new Tgt(options, this.folder);
    this.#running.push(target);
    await target.start();
    return target;
  }

  async istgt(port: number, image: string, bytes: number, blockSize: number, unit: string[] = []): Promise<void> {
    const target = new Istgt(join(this.folder, `istgt-${port}`), port, image, bytes, blockSize, unit);
    this.#running.push(target);
    await target.start();
  }

  /** A volume that is closed with the lab. */
  async open(url: Partial<LuUrl> & { port: number }, options: VolumeWish = {}): Promise<LuVolume> {
    const volume = await openLuVolume(this.options(url, options));
    this.#volumes.push(volume);
    return volume;
  }

  options(url: Partial<LuUrl> & { port: number }, options: VolumeWish = {}): LuVolumeOptions {
    return {
      url: { host: '127.0.0.1', target: IQN, lun: 1, ...url },
      writable: true,
      initiatorName: 'iqn.2024-01.lab.example:unit',
      isid: Uint8Array.of(0x80, 0, 0, 0, 0, ++this.#isids),
      ...options,
    };
  }

  async close(): Promise<void> {
    for (const volume of this.#volumes) await volume.close();
    for (const target of this.#running) await target.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export type VolumeWish = Partial<Omit<LuVolumeOptions, 'url' | 'timing'>> & { timing?: Partial<LuTiming> };

/** One tgtd process. */
export class Tgt {
  readonly #options: TgtOptions;
  readonly #env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;

  constructor(options: TgtOptions, folder: string) {
    this.#options = options;
    // Control sockets of its own, whoever else runs a tgtd.
    this.#env = { ...process.env, TGT_IPC_SOCKET: join(folder, 'tgt') };
  }

  /** Of the process that runs. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    const { portals, control, target = IQN, parameters = [], luns, chap } = this.#options;
    const portal = portals.map((one) => `portal=${one}`).join(',');
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', 'tgtd', '-f', '-C', String(control), '--iscsi', portal], {
      stdio: 'ignore',
      env: this.#env,
    });
    await until(`tgtd on control port ${control}`, () => this.#answers());
    this.adm('--mode', 'target', '--op', 'new', '--tid', '1', '--targetname', target);
    for (const parameter of parameters) {
      const [name, value] = parameter.split('=');
      this.adm('--mode', 'target', '--op', 'update', '--tid', '1', '--name', name, '--value', value);
    }
    for (const lun of luns) this.lun(lun);
    if (chap) this.#accounts(chap);
    this.adm('--mode', 'target', '--op', 'bind', '--tid', '1', '--initiator-address', 'ALL');
  }

  lun({ lun, image, blockSize, params }: Lun): void {
    const which = ['--tid', '1', '--lun', String(lun)];
    const size = ['--backing-store', image, '--blocksize', String(blockSize)];
    this.adm('--mode', 'logicalunit', '--op', 'new', ...which, ...size);
    for (const param of params) this.adm('--mode', 'logicalunit', '--op', 'update', ...which, '--params', param);
  }

  adm(...words: string[]): string {
    const all = ['-C', String(this.#options.control), '--lld', 'iscsi', ...words];
    return execFileSync('tgtadm', all, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: this.#env });
  }

  /** Drops every connection. */
  kick(): number {
    const sessions = [...this.adm('--mode', 'conn', '--op', 'show', '--tid', '1').matchAll(/Session: (\d+)/g)];
    for (const [, sid] of sessions) {
      this.adm('--mode', 'conn', '--op', 'delete', '--tid', '1', '--sid', sid, '--cid', '0');
    }
    return sessions.length;
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill(signal);
    await gone;
  }

  #accounts([user, secret, outUser, outSecret]: readonly string[]): void {
    const bind = ['--mode', 'account', '--op', 'bind', '--tid', '1', '--user'];
    this.adm('--mode', 'account', '--op', 'new', '--user', user, '--password', secret);
    this.adm(...bind, user);
    if (outUser === undefined) return;
    this.adm('--mode', 'account', '--op', 'new', '--user', outUser, '--password', outSecret);
    this.adm(...bind, outUser, '--outgoing');
  }

  #answers(): boolean {
    try {
      this.adm('--mode', 'target', '--op', 'show');
      return true;
    } catch {
      return false;
    }
  }
}

/** One istgt process with one LU, LUN 0. */
class Istgt {
  readonly #folder: string;
  readonly #port: number;
  readonly #config: string;
  #process: ChildProcess | undefined;

  constructor(folder: string, port: number, image: string, bytes: number, blockSize: number, unit: readonly string[]) {
    this.#folder = folder;
    this.#port = port;
    const unitLines = unit.map((line) => `  ${line}\n`).join('');
    this.#config = `[Global]
  NodeBase "iqn.2024-01.lab.example"
  PidFile ${folder}/istgt.pid
  AuthFile ${folder}/auth.conf
  MediaDirectory ${folder}/media
  LogFacility "local7"
  Timeout 30
  NopInInterval 1
  DiscoveryAuthMethod None
  MaxSessions 16
  MaxConnections 4
  MaxR2T 32
  MaxOutstandingR2T 16
  DefaultTime2Wait 2
  DefaultTime2Retain 60
  FirstBurstLength 262144
  MaxBurstLength 1048576
  MaxRecvDataSegmentLength 262144
  InitialR2T Yes
  ImmediateData Yes
  DataPDUInOrder Yes
  DataSequenceInOrder Yes
  ErrorRecoveryLevel 0
[UnitControl]
  AuthMethod CHAP Mutual
  AuthGroup AuthGroup10000
  Portal UC1 127.0.0.1:${port + 50}
  Netmask 127.0.0.1
[PortalGroup1]
  Portal DA1 127.0.0.1:${port}
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask ALL
[LogicalUnit1]
  TargetName ${IQN}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod None
  AuthGroup None
  UseDigest Auto
  UnitType Disk
  QueueDepth 32
  BlockLength ${blockSize}
${unitLines}  LUN0 Storage ${image} ${bytes}
`;
  }

  async start(): Promise<void> {
    mkdirSync(join(this.#folder, 'media'), { recursive: true });
    writeFileSync(join(this.#folder, 'auth.conf'), '');
    writeFileSync(join(this.#folder, 'istgt.conf'), this.#config);
    const words = ['-D', '-c', join(this.#folder, 'istgt.conf')];
    this.#process = spawn('istgt', words, { stdio: 'ignore' });
    await until(`istgt on port ${this.#port}`, () => listens(this.#port));
  }

  async stop(): Promise<void> {
    const running = this.#process;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGKILL');
    await gone;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Asks a process of another make, which tells nobody when it is ready, again and again; bounded. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what} is not there after ${ms} ms`);
    await sleep(20);
  }
}
