import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** tgt (Linux target framework), one target with files as LUs. */
export class Tgt {
  readonly options: TgtOptions;
  readonly #processes: Processes;
  /** Its control socket is its own: any number of them run at a time, also those of other runs of these tests. */
  #folder = '';
  #child: ChildProcess | undefined;

  constructor(processes: Processes, options: TgtOptions) {
    this.#processes = processes;
    this.options = options;
  }

  async start(): Promise<void> {
    const { space, portals, target, parameters = [], luns, chap } = this.options;
    this.#folder = mkdtempSync(join(tmpdir(), 'tapmirror-tgt-'));
    const portal = portals.map((one) => `portal=${one}`).join(',');
    this.#child = this.#processes.start(space, [...this.#at(), 'tgtd', '-f', '--iscsi', portal]);
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
    if (this.#folder !== '') rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = '';
  }

  async #adm(mode: string, op: string, ...words: string[]): Promise<string> {
    return run(undefined, this.#words(mode, op, words));
  }

  #try(mode: string, op: string): ReturnType<typeof outcome> {
    return outcome(undefined, this.#words(mode, op, []));
  }

  #words(mode: string, op: string, words: readonly string[]): string[] {
    return [...this.#at(), 'tgtadm', '--lld', 'iscsi', '--mode', mode, '--op', op, ...words];
  }

  #at(): string[] {
    return ['env', `TGT_IPC_SOCKET=${join(this.#folder, 'control')}`];
  }
}
