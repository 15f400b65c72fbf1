import { Probe, probeCommand } from '../parsers/bus/probeFrames.ts';
import type { ProbeReply } from '../parsers/bus/probePackets.ts';

/** A command that waits for its REPLY. */
interface Asked {
  type: number;
  argument: number | undefined;
  /** Of its repeats; an answer to any of them is one. */
  seqs: number[];
  sentAt: number;
  answered: (() => void) | undefined;
}

export interface ProbeCommandsOptions {
  /** Monotonic time in milliseconds. */
  now: () => number;
  /** To the probe; nothing where no port is open. */
  write: (bytes: Uint8Array) => void;
}

/** Commands are few and replace each other; more than this are not kept. */
const ASKED_MAX = 8;
const SEQS_MAX = 16;
const RESULT_NOT_NOW = 3;

/** What a probe was asked for and has not answered (protocol section 4): it is asked again, under a new number each time. */
export class ProbeCommands {
  readonly #options: ProbeCommandsOptions;
  #seq = 0;
  #asked: Asked[] = [];

  constructor(options: ProbeCommandsOptions) {
    this.#options = options;
  }

  /** A later wish of a kind takes the place of an earlier one. */
  ask(type: number, argument?: number, answered?: () => void): void {
    this.#asked = this.#asked.filter((asked) => asked.type !== type).slice(-ASKED_MAX);
    const asked: Asked = { type, argument, seqs: [], sentAt: 0, answered };
    this.#asked.push(asked);
    this.#send(asked);
  }

  /** Whether this answers a command, which is then over. */
  replied(reply: ProbeReply): boolean {
    const asked = this.#asked.find(({ type, seqs }) => type === reply.command && seqs.includes(reply.seq));
    // What cannot be done now is asked again after the time for repeats; HELLO is answered by the packet itself.
    if (asked === undefined || reply.result === RESULT_NOT_NOW || asked.type === Probe.ASK_HELLO) return false;
    this.settle(asked.type);
    asked.answered?.();
    return true;
  }

  /** What was asked for has come by itself. */
  settle(type: number): void {
    this.#asked = this.#asked.filter((asked) => asked.type !== type);
  }

  /** Asks again for what was not answered for this long. */
  repeat(afterMs: number): void {
    const time = this.#options.now();
    for (const asked of this.#asked) if (time - asked.sentAt >= afterMs) this.#send(asked);
  }

  /** Nobody is there who would answer. */
  clear(): void {
    this.#asked = [];
  }

  #send(asked: Asked): void {
    asked.sentAt = this.#options.now();
    asked.seqs.push(this.#seq);
    if (asked.seqs.length > SEQS_MAX) asked.seqs.shift();
    this.#options.write(probeCommand(asked.type, this.#seq, asked.argument));
    this.#seq = (this.#seq + 1) & 0xffff;
  }
}
