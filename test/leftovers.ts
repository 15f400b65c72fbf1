import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Names of the live tests' network namespaces: whose they are stands in them. */
const SPACE = /^lt-(\d+)-\S+/;

/** What a command prints, nothing where it fails or is not there. */
function lines(program: string, ...words: string[]): string[] {
  return (spawnSync(program, words, { encoding: 'utf8' }).stdout ?? '').split('\n').filter((line) => line !== '');
}

/** Whether a process runs: one that was killed and that nobody has asked about yet does not. */
function runs(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Takes away the network namespaces of test processes that are gone: one that was killed could not do so. */
export function sweepSpaces(): void {
  for (const line of lines('ip', 'netns', 'list')) {
    const [name, pid] = SPACE.exec(line) ?? [];
    if (name !== undefined && !runs(pid)) lines('ip', 'netns', 'del', name);
  }
}

/** Where tests put what syncs hundreds of times: in memory, if there is such a place. */
export function memoryFolder(): string {
  return process.env.TAPMIRROR_TEST_MEMORY ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
}

/** Folders for everything that a run of tests writes, which `close` removes with all that holds on to files in them. */
export class Folders {
  readonly #temporary = mkdtempSync(join(tmpdir(), 'tapmirror-test-'));
  readonly #memory = mkdtempSync(join(memoryFolder(), 'tapmirror-test-'));

  constructor() {
    // Tests also work as other users, as they may in the usual place.
    for (const folder of [this.#temporary, this.#memory]) chmodSync(folder, 0o1777);
  }

  /** The environment in which processes use them. */
  get env(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: this.#temporary, TAPMIRROR_TEST_MEMORY: this.#memory };
  }

  close(): void {
    const below = (path: string): boolean => path.startsWith(`${this.#temporary}/`);
    for (const line of lines('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE')) {
      const [device, ...file] = line.split(/\s+/);
      if (below(file.join(' '))) lines('losetup', '--detach', device);
    }
    const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : [];
    for (const mount of mounts.map((line) => line.split(' ')[1] ?? '').filter(below)) lines('umount', '--lazy', mount);
    for (const folder of [this.#temporary, this.#memory])
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
