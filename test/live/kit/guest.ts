import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { guestParts } from './guestRoot.ts';
import type { Net } from './net.ts';
import { type Processes, run } from './processes.ts';

/** What a script in the guest ended with, and everything that it said. */
export interface Said {
  code: number;
  text: string;
}

interface Waiting {
  resolve: (said: Said) => void;
  reject: (why: Error) => void;
}

const BOOT_MS = 300_000;

/**
 * A machine with a kernel of its own, Linux, which has an iSCSI initiator: emulated, in a namespace of the test. Its card n
 * has the address 10.7.n.2, and the other end of its cable, 10.7.n.1, is in the namespace.
 */
export class Guest {
  readonly #child: ChildProcess;
  readonly #console: string;
  readonly #waiting = new Map<number, Waiting>();
  #orders = 0;

  private constructor(child: ChildProcess, consolePath: string) {
    this.#child = child;
    this.#console = consolePath;
    const { stdout } = child;
    if (!stdout) throw new Error('a guest without a port');
    createInterface({ input: stdout }).on('line', (line) => this.#answer(line));
    child.once('exit', (code, signal) => this.#end(`the guest ended with ${signal ?? code}`));
  }

  /** Boots one with this many network cards; its console is kept in the file. */
  static async boot(
    processes: Processes,
    net: Net,
    { space, cards, console }: { space: string; cards: number; console: string },
  ): Promise<Guest> {
    const { kernel, root, emulator } = await guestParts();
    const wires: string[] = [];
    for (let n = 1; n <= cards; n++) {
      await net.tap(space, `tap${n}`, `10.7.${n}.1/24`);
      wires.push('-netdev', `tap,id=n${n},ifname=tap${n},script=no,downscript=no`);
      wires.push('-device', `virtio-net-pci,netdev=n${n},mac=52:54:00:00:07:0${n}`);
    }
    const words = [
      ...['-accel', 'tcg', '-cpu', 'max', '-smp', '2', '-m', '1024', '-nodefaults', '-no-reboot'],
      ...['-display', 'none', '-kernel', kernel, '-initrd', root, '-serial', `file:${console}`, ...wires],
      ...['-append', 'console=ttyS0 panic=-1 net.ifnames=0 mitigations=off'],
      ...['-object', 'rng-random,id=r,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=r'],
      ...[
        '-device',
        'virtio-serial-pci',
        '-chardev',
        'stdio,id=port',
        '-device',
        'virtserialport,chardev=port,name=port',
      ],
    ];
    const guest = new Guest(processes.start(space, [...emulator, ...words], ['pipe', 'pipe', 'ignore']), console);
    await guest.#promised(0, BOOT_MS);
    return guest;
  }

  /** Runs a shell script to its end, which may be a bad one. Any number of them run at once. */
  outcome(script: string, ms = 120_000): Promise<Said> {
    const number = ++this.#orders;
    const said = this.#promised(number, ms, script);
    this.#child.stdin?.write(`${number} ${Buffer.from(script).toString('base64')}\n`);
    return said;
  }

  /** Runs a shell script each of whose commands has to go well. */
  async run(script: string, ms?: number): Promise<string> {
    const { code, text } = await this.outcome(`set -e -o pipefail\n${script}`, ms);
    if (code === 0) return text;
    throw new Error(`in the guest: ${script.slice(0, 300)}\nended with ${code}: ${text.slice(-1500)}`);
  }

  /** The kernel's log, as the console has it. */
  get console(): string {
    return readFileSync(this.#console, 'utf8');
  }

  #promised(number: number, ms: number, what = 'to boot'): Promise<Said> {
    return new Promise((resolve, reject) => {
      const late = (): void =>
        settle.reject(new Error(`the guest took more than ${ms / 1000} s: ${what.slice(0, 300)}`));
      const timer = setTimeout(late, ms);
      const over = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(number);
      };
      const settle: Waiting = {
        resolve: (said) => {
          over();
          resolve(said);
        },
        reject: (why) => {
          over();
          reject(new Error(`${why.message}\n${this.console.slice(-1500)}`));
        },
      };
      this.#waiting.set(number, settle);
    });
  }

  #answer(line: string): void {
    const [number, code, text = ''] = line.split(' ');
    this.#waiting.get(Number(number))?.resolve({ code: Number(code), text: Buffer.from(text, 'base64').toString() });
  }

  #end(why: string): void {
    for (const one of [...this.#waiting.values()]) one.reject(new Error(why));
  }
}

/** Pulls a cable of the guest, or plugs it in again. */
export async function plugged(space: string, card: number, on: boolean): Promise<void> {
  await run(undefined, ['ip', '-n', space, 'link', 'set', 'dev', `tap${card}`, on ? 'up' : 'down']);
}
