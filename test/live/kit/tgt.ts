import type { ChildProcess } from 'node:child_process';
import { outcome, type Processes, run } from './processes.ts';
import { until, when } from './until.ts';

export interface TgtLun {
  lun: number;
  image: string;
  blockSize?: number;
  /** `Name=Value`; thin provisioning unless something else is said. */
  params?: readonly string[];
}

export interface TgtOptions {
  /** Namespace; undefined: the one of these tests. */
  space: string | undefined;
  /** `IP:PORT`. */
  portals: readonly string[];
  target: string;
  luns: readonly TgtLun[];
  /** The target's parameters, `Name=Value`. */
  parameters?: readonly string[];
  /** User and secret that initiators have to give. */
  chap?: { user: string; secret: string };
}

/** Control sockets of tgtd lie in the file system, one number for each process at a time. */
const CONTROL_PORTS = [7570, 7571, 7572, 7573, 7574, 7575, 7576, 7577, 7578, 7579];
const taken = new Set<number>();

/** One that no tgtd of this process has, nor of another run of these tests. */
async function freeControl(): Promise<number> {
  for (const port of CONTROL_PORTS) {
    if (taken.has(port)) continue;
    taken.add(port);
    const { code } = await outcome(undefined, ['tgtadm', '-C', `${port}`, '--mode', 'sys', '--op', 'show']);
    if (code !== 0) return port;
    taken.delete(port);
  }
  throw new Error('more than ten tgtd at one time');
}

/** tgt (Linux target framework), one target with files as LUs. */
export class Tgt {
  readonly options: TgtOptions;
  readonly #processes: Processes;
  #control = 0;
  #child: ChildProcess | undefined;

  constructor(processes: Processes, options: TgtOptions) {
    this.#processes = processes;
    this.options = options;
  }

  async start(): Promise<void> {
    const { space, portals, target, parameters = [], luns, chap } = this.options;
    this.#control = await freeControl();
    const portal = portals.map((one) => `portal=${one}`).join(',');
    this.#child = this.#processes.start(space, ['tgtd', '-f', '-C', `${this.#control}`, '--iscsi', portal]);
    await until(`tgtd at ${portal}`, async () => when((await this.#try('sys', 'show')).code === 0));
    await this.#adm('target', 'new', '--tid', '1', '--targetname', target);
    for (const parameter of parameters) {
      const [name, value] = parameter.split('=');
      await this.#adm('target', 'update', '--tid', '1', '--name', name, '--value', value);
    }
    for (const lun of luns) await this.lun(lun);
    if (chap) {
      await this.#adm('account', 'new', '--user', chap.user, '--password', chap.secret);
      await this.#adm('account', 'bind', '--tid', '1', '--user', chap.user);
    }
    await this.#adm('target', 'bind', '--tid', '1', '--initiator-address', 'ALL');
  }

  async lun({ lun, image, blockSize = 512, params = ['thin_provisioning=1'] }: TgtLun): Promise<void> {
    const which = ['--tid', '1', '--lun', `${lun}`];
    await this.#adm('logicalunit', 'new', ...which, '--backing-store', image, '--blocksize', `${blockSize}`);
    for (const param of params) await this.#adm('logicalunit', 'update', ...which, '--params', param);
  }

  /** Takes an LU away; hosts stay logged in. */
  async dropLun(lun: number): Promise<void> {
    await this.#adm('logicalunit', 'delete', '--tid', '1', '--lun', `${lun}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child) await this.#processes.end(this.#child, signal);
    this.#child = undefined;
    taken.delete(this.#control);
  }

  async #adm(mode: string, op: string, ...words: string[]): Promise<string> {
    return run(undefined, this.#words(mode, op, words));
  }

  #try(mode: string, op: string): ReturnType<typeof outcome> {
    return outcome(undefined, this.#words(mode, op, []));
  }

  #words(mode: string, op: string, words: readonly string[]): string[] {
    return ['tgtadm', '-C', `${this.#control}`, '--lld', 'iscsi', '--mode', mode, '--op', op, ...words];
  }
}
