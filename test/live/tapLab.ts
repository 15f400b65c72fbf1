import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { loadPcap } from '../../hw/tap.ts';
import type { Said, TapOrder } from './tapChild.ts';

/** Namespaces, veth pairs and processes inside them, for tests of the tap. */

/** Why these tests cannot run here, in a sentence; undefined when they can. */
export async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  try {
    execFileSync('ip', ['netns'], { stdio: 'pipe' });
  } catch {
    return 'the command `ip` (iproute2) is not there';
  }
  return loadPcap().then(
    () => undefined,
    (error: Error) => error.message,
  );
}

/** Runs a command; throws with what it said. */
export function sh(line: string): string {
  const [command, ...words] = line.split(' ');
  return execFileSync(command, words, { stdio: 'pipe' }).toString();
}

let made = 0;

/** A few namespaces, and what runs in them, all of it gone after `close`. */
export class TapLab {
  readonly #spaces: string[] = [];
  readonly #children: ChildProcess[] = [];

  /** A new namespace, with its loopback up. */
  space(): string {
    const name = `tp-${process.pid}-${made++}`;
    sh(`ip netns add ${name}`);
    this.#spaces.push(name);
    sh(`ip -n ${name} link set lo up`);
    return name;
  }

  /** A cable between two interfaces, both up, with their addresses (10.99.N.1/24 or the like). */
  cable(a: string, nameA: string, addressA: string, b: string, nameB: string, addressB: string): void {
    sh(`ip -n ${a} link add ${nameA} type veth peer name ${nameB} netns ${b}`);
    this.address(a, nameA, addressA);
    this.address(b, nameB, addressB);
  }

  address(space: string, name: string, address: string): void {
    if (address !== '') sh(`ip -n ${space} addr add ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`);
    sh(`ip -n ${space} link set ${name} up`);
  }

  /** A tap in a process of its own within the namespace. */
  async tap(space: string, order: TapOrder, through: readonly string[] = []): Promise<TapProcess> {
    const tap = new TapProcess(this.#node(space, 'tapChild.js', [JSON.stringify(order)], through));
    await tap.first((said) => said.kind === 'opened' || said.kind === 'refused');
    return tap;
  }

  /** Traffic from within the namespace that goes on until the lab is closed; it has begun when this resolves. */
  async traffic(space: string, ...words: string[]): Promise<ChildProcess> {
    const child = this.#node(space, 'tapTraffic.js', words);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    return child;
  }

  /** Traffic that comes to an end. */
  async whole(space: string, ...words: string[]): Promise<void> {
    const child = this.#node(space, 'tapTraffic.js', words);
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`traffic ${words.join(' ')} ended with ${code}`);
  }

  #node(space: string, script: string, words: string[], through: readonly string[] = []): ChildProcess {
    const path = fileURLToPath(new URL(`./${script}`, import.meta.url));
    const child = spawn('ip', ['netns', 'exec', space, ...through, process.execPath, path, ...words], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return child;
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    for (const space of this.#spaces) sh(`ip netns del ${space}`);
  }
}

/** A tap under test, driven by lines and heard by lines. */
export class TapProcess {
  readonly said: Said[] = [];
  readonly #child: ChildProcess;
  #wake: () => void = () => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said);
      this.#wake();
    });
    child.once('close', () => {
      this.said.push({ kind: 'exit' });
      this.#wake();
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  do(word: 'stall' | 'go' | 'stop' | 'status' | 'report'): void {
    this.#child.stdin?.write(`${word}\n`);
  }

  /** The first thing said, from index `from` on, that fits; waits for it, thirty seconds at the most. */
  async first(fits: (said: Said) => boolean, from = 0): Promise<Said> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const found = this.said.slice(from).find(fits);
      if (found !== undefined) return found;
      if (this.said.at(-1)?.kind === 'exit' || Date.now() > deadline) {
        throw new Error(`not said: ${fits}; but ${JSON.stringify(this.said.slice(-12)).slice(0, 2000)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  notice(words: RegExp, from = 0): Promise<Said> {
    return this.first((said) => said.kind === 'notice' && words.test(said.text ?? ''), from);
  }

  /** Asks for the state until it fits. */
  async until(fits: (said: Said) => boolean): Promise<Said> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      const from = this.said.length;
      this.do('status');
      const said = await this.first(({ kind }) => kind === 'status', from);
      if (fits(said)) return said;
      if (Date.now() > deadline) throw new Error(`never: ${fits}; but ${JSON.stringify(said).slice(0, 2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Everything seen so far. */
  report(): Promise<Said> {
    this.do('report');
    return this.first(({ kind }) => kind === 'report');
  }

  /** Ends the tap, which ends its process. */
  async stop(): Promise<Said> {
    this.do('stop');
    await this.first(({ kind }) => kind === 'exit');
    return this.first(({ kind }) => kind === 'stopped');
  }
}
