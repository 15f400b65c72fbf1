import { mkdirSync, readFileSync } from 'node:fs';
import type { UnitStatus } from '../../../src/unit/watch/status.ts';
import { CONTAINER, LAYER } from './machineRoot.ts';
import { type Ending, outcome, type Processes, run } from './processes.ts';
import { until, when } from './until.ts';

/** nspawn is then the process that was started. What this machine has started at boot is none of the test's. */
const BOOT = `${LAYER}
rm -f "$1/root/etc/systemd/system/"*.wants/*
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
exec systemd-nspawn -q -D "$1/root" ${CONTAINER} --link-journal=no --network-namespace-path="$2" \\
  --capability=CAP_NET_ADMIN --bind="$3:$4" --boot -- --unit=basic.target
`;

/** How systemd says it of a service: `systemctl show`. */
export interface Shown {
  ActiveState: string;
  MainPID: string;
  NRestarts: string;
  Result: string;
  StatusText: string;
}

/**
 * A machine that systemd runs: a container with a root of its own, which begins as this machine's, in a network namespace of
 * a test. A folder of the test is seen in it as `at`.
 */
export class Machine {
  readonly #processes: Processes;
  #nspawn: ReturnType<Processes['start']> | undefined;
  #leader = 0;

  constructor(processes: Processes) {
    this.#processes = processes;
  }

  /** Resolves once systemd has started all that the test needs. */
  async boot(options: { space: string; folder: string; at: string; layer: string }): Promise<this> {
    const { space, folder, at, layer } = options;
    mkdirSync(layer);
    const words = ['sh', '-c', BOOT, 'boot', layer, `/run/netns/${space}`, folder, at];
    this.#nspawn = this.#processes.start(undefined, ['unshare', '--mount', ...words]);
    await until('the machine runs', () => this.#booted(), { ms: 60_000, everyMs: 200 });
    return this;
  }

  /** Runs a command on it that has to go well. */
  run(...command: readonly string[]): Promise<string> {
    return run(undefined, this.#inside(command), 120_000);
  }

  /** Runs a command on it to its end, which may be a bad one. */
  outcome(...command: readonly string[]): Promise<Ending> {
    return outcome(undefined, this.#inside(command), 120_000);
  }

  async shown(service: string): Promise<Shown> {
    const text = await this.run('systemctl', 'show', '-p', 'ActiveState,MainPID,NRestarts,Result,StatusText', service);
    const pairs = text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
    return Object.fromEntries(pairs) as Shown;
  }

  /** Waits until a service is as it should be. */
  service(what: string, service: string, fits: (shown: Shown) => boolean, ms = 60_000): Promise<Shown> {
    let last: Shown | undefined;
    const ask = async (): Promise<Shown | undefined> => {
      last = await this.shown(service);
      return fits(last) ? last : undefined;
    };
    return until(what, ask, { ms, everyMs: 200, instead: () => JSON.stringify(last) });
  }

  async status(config: string): Promise<UnitStatus> {
    // Mirrors that are broken make the exit status another one.
    const { out, err } = await this.outcome('tapmirror', 'status', '--json', '--config', config);
    if (out === '') throw new Error(`no status: ${err}`);
    return JSON.parse(out) as UnitStatus;
  }

  /** Waits until the unit says, twice in a row, that every mirror is equal and no write is open. */
  async settled(config: string, ms = 90_000): Promise<UnitStatus> {
    let calm = 0;
    let last: UnitStatus | undefined;
    const ask = async (): Promise<UnitStatus | undefined> => {
      last = await this.status(config).catch(() => undefined);
      const volumes = last?.volumes ?? [];
      const mirrors = volumes.flatMap((volume) => volume.mirrors);
      const quiet =
        volumes.every(({ openWrites }) => openWrites === 0) && mirrors.every(({ state }) => state === 'equal');
      calm = mirrors.length > 0 && quiet ? calm + 1 : 0;
      return calm > 1 ? last : undefined;
    };
    return until('every mirror is equal', ask, { ms, everyMs: 300, instead: () => JSON.stringify(last?.volumes) });
  }

  /** What a file of the machine's /proc says of a service's main process. */
  async proc(service: string, file: string): Promise<string> {
    return this.run('cat', `/proc/${(await this.shown(service)).MainPID}/${file}`);
  }

  /** A service's main process is killed, by nobody that systemd knows of. */
  async kill(service: string, signal = 'KILL'): Promise<void> {
    await this.run('kill', '-s', signal, (await this.shown(service)).MainPID);
  }

  async close(): Promise<void> {
    if (this.#nspawn !== undefined) await this.#processes.end(this.#nspawn);
  }

  #inside(command: readonly string[]): string[] {
    const spaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
    const clean = ['env', '-i', 'LANG=C.UTF-8', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
    return ['nsenter', '--target', `${this.#leader}`, ...spaces, '--wd=/', '--', ...clean, ...command];
  }

  async #booted(): Promise<true | undefined> {
    const { pid, exitCode } = this.#nspawn ?? {};
    if (exitCode !== null) throw new Error(`the machine ended with ${exitCode}`);
    this.#leader = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').at(-1));
    if (!this.#leader) return undefined;
    const { out } = await this.outcome('systemctl', 'is-active', 'basic.target');
    return when(out.trim() === 'active');
  }
}
