/** A unit at the far end of `journey.ts`, or in the middle. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinkKeys } from '../../src/unit/link/journeyTypes.ts';
import type { CopyOutReport } from '../../src/unit/mirror/recall.ts';
import type { MirrorStatus, UnitStatus } from '../../src/unit/watch/status.ts';
import { freePort } from '../kit/freePort.ts';

const LAUNCH = fileURLToPath(new URL('../../src/cli/launch.cjs', import.meta.url));
const SECTOR = 512;
const QUIET_MS = 3000;
const LOOK_MS = 250;

export interface History {
  window: string;
  bytes: string;
}

export interface FarParts {
  history?: History;
  /** Further mirrors, as the configuration has them, and how much temporary storage there is for links among them. */
  further?: readonly object[];
  spill?: string;
}

/** A unit at the far end, by the program itself. */
export class Far {
  readonly folder: string;
  readonly port: number;
  readonly process: ChildProcess;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
    this.process = spawn(process.execPath, [LAUNCH, 'receive', '--config', this.config], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  static async start(parent: string, keys: LinkKeys, bytes: number, parts: FarParts = {}): Promise<Far> {
    const { history, further = [], spill } = parts;
    const folder = join(parent, randomUUID());
    mkdirSync(folder);
    const port = await freePort();
    for (const name of ['ca', 'cert', 'key'] as const) writeFileSync(join(folder, name), keys[name], { mode: 0o600 });
    writeFileSync(join(folder, 'far.img'), '');
    truncateSync(join(folder, 'far.img'), bytes);
    const volume = { name: 'vol1', mirrors: ['file:far.img', ...further], ...(history ? { history } : {}) };
    const config = {
      receive: { listen: `127.0.0.1:${port}` },
      tls: { ca: 'ca', cert: 'cert', key: 'key' },
      state: 'state',
      control: 'control.sock',
      log: { level: 'error' },
      volumes: [volume],
      ...(spill ? { spill: { bytes: spill } } : {}),
    };
    writeFileSync(join(folder, 'far.json'), JSON.stringify(config));
    const far = new Far(folder, port);
    await far.answer();
    return far;
  }

  get config(): string {
    return join(this.folder, 'far.json');
  }

  get image(): string {
    return join(this.folder, 'far.img');
  }

  /** `tapmirror` as an operator calls it. */
  ask(...words: string[]): string {
    return execFileSync(process.execPath, [LAUNCH, ...words, '--config', this.config], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async answer(): Promise<void> {
    for (;;) {
      try {
        this.ask('history', '--json');
        return;
      } catch (error) {
        // 1: it answers, and keeps no past.
        if ((error as { status?: number }).status === 1) return;
        if (this.process.exitCode !== null) throw new Error('the far unit does not start', { cause: error });
      }
      await pause();
    }
  }

  /** Bytes that the disk below has been given. */
  get written(): number {
    const { dev } = statSync(this.folder);
    // As glibc's major() and minor() take a device number apart.
    const major = ((dev >>> 8) & 0xfff) | (Math.floor(dev / 2 ** 32) & ~0xfff);
    const minor = (dev & 0xff) | ((dev >>> 12) & ~0xff);
    const fields = readFileSync(`/sys/dev/block/${major}:${minor}/stat`, 'latin1').trim().split(/\s+/);
    return Number(fields[6]) * SECTOR;
  }

  flush(): void {
    execFileSync('sync', ['-f', this.folder]);
  }

  /** Entries that are not folded. */
  get entries(): number {
    return (JSON.parse(this.ask('history', '--json')) as { entries: number }).entries;
  }

  /** Resolves once all that is going to be written has been; with a history, once it has been folded as far as it goes. */
  async quiet(history: boolean): Promise<void> {
    const held = (): number => this.written + (history ? this.entries : 0);
    this.flush();
    let last = held();
    for (let since = performance.now(); performance.now() - since < QUIET_MS; ) {
      await pause();
      this.flush();
      const now = held();
      if (now === last) continue;
      last = now;
      since = performance.now();
    }
  }

  /** Resolves once all that came has been passed on. */
  async passedOn(): Promise<void> {
    for (;;) {
      const onwards = this.#mirrors.find(({ link }) => link);
      if (onwards?.behindBytes === 0 && onwards.link?.connected && onwards.link.durable === onwards.link.appended)
        return;
      await pause();
    }
  }

  /** What its link onwards had no room for. */
  get copyOut(): CopyOutReport {
    const report = this.#mirrors.find(({ link }) => link)?.link?.copyOut;
    if (!report) throw new Error('there is no account of what was set aside');
    return report;
  }

  get #mirrors(): readonly MirrorStatus[] {
    return (JSON.parse(this.ask('status', '--json')) as UnitStatus).volumes[0].mirrors;
  }

  async stop(): Promise<void> {
    const over = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await over;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function pause(): Promise<void> {
  return new Promise((done) => setTimeout(done, LOOK_MS));
}
