import { type LiveProbe, openProbe, type ProbeOptions } from '../../../hw/probe.ts';
import { Fault } from '../../base/fault.ts';
import type { Burst, BusFacts, SampleSink } from '../../base/samples.ts';
import type { Room } from '../../buffer/room.ts';
import type { ParallelSnoop } from '../../snoop/parallel/parallel.ts';
import type { ProbeSource } from '../config/configTypes.ts';
import type { SourceStatus } from '../watch/status.ts';
import type { Attachment } from './attachment.ts';

export interface ProbeParts {
  snoop: ParallelSnoop;
  room: Room;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  notice: (text: string) => void;
  /** Nobody knows what passes on the bus from here on. */
  lost: (text: string) => void;
  /** Nothing is to be copied now: what is written meanwhile passes unseen. */
  hold: () => void;
  /** Stands in for the system's ports, and hurries, for tests. */
  serial?: Partial<ProbeOptions>;
}

/** How long it is asked for whether what was on the bus has come. */
const SEEN_MS = 5000;

/** Listens to a parallel bus through a probe (requirement A4). Rejects with a `Fault` when its port cannot be opened. */
export async function attachProbe(config: ProbeSource, parts: ProbeParts): Promise<Attachment> {
  const { port, baudRate, mode } = config;
  const { notice, serial } = parts;
  const sink = new DatedSamples(parts.snoop);
  const options = { port, baudRate, mode, notice, ...serial };
  return new ProbeAttachment(config, parts, await openProbe(options, sink));
}

/** Tells the snoop when the probe's times began: a probe counts from its own start, and its clock may run off from ours. */
class DatedSamples implements SampleSink {
  readonly #snoop: ParallelSnoop;
  #dated = false;

  constructor(snoop: ParallelSnoop) {
    this.#snoop = snoop;
  }

  begin(facts: BusFacts): void {
    this.#dated = false;
    this.#snoop.begin(facts);
  }

  sample(time: number, control: number, data: number, parity: number): void {
    if (!this.#dated) this.#date(time);
    this.#snoop.sample(time, control, data, parity);
  }

  burst(burst: Burst): void {
    this.#snoop.burst(burst);
  }

  hole(from: number, to: number, why: string): void {
    this.#snoop.hole(from, to, why);
    this.#dated = false;
  }

  notice(text: string): void {
    this.#snoop.notice(text);
  }

  #date(time: number): void {
    this.#dated = true;
    this.#snoop.countFrom(BigInt(Date.now()) * 1_000_000n - BigInt(Math.trunc(time)));
  }
}

class ProbeAttachment implements Attachment {
  readonly text: string;
  readonly failed: Promise<Fault>;
  readonly #parts: ProbeParts;
  readonly #probe: LiveProbe;
  #watching = false;
  /** Of its port, at the last look. */
  #reopened = 0;
  /** It was heard before, and is not now. */
  #fault: string | undefined;

  constructor({ port }: ProbeSource, parts: ProbeParts, probe: LiveProbe) {
    this.text = `probe ${port}`;
    this.#parts = parts;
    this.#probe = probe;
    this.failed = probe.failed;
    parts.hold();
  }

  get fault(): string | undefined {
    return this.#fault;
  }

  status(): SourceStatus {
    const { samples, holes } = this.#parts.snoop;
    const { hello, ...status } = this.#probe.status;
    const who = hello && {
      id: hello.id,
      name: hello.name,
      firmware: hello.firmware,
      width: hello.width,
      clockHz: hello.clockHz,
    };
    return { kind: 'probe', text: this.text, ...status, probe: who ?? null, samples, holes };
  }

  tick(): void {
    const { snoop, room, now, lost, hold } = this.#parts;
    room.tick(now());
    const { state, reopened } = this.#probe.status;
    const watching = state === 'capturing' && snoop.samples > 0;
    // It may have been away and be back since the last look.
    const away = !watching || reopened !== this.#reopened;
    if (this.#watching && away) {
      this.#fault = `${this.text}: nothing is heard of the bus; every volume is compared with its first`;
      lost(this.#fault);
    }
    if (watching) this.#fault = undefined;
    this.#watching = watching;
    this.#reopened = reopened;
    // What hosts write before the probe is heard would pass a copy by.
    if (!watching) hold();
  }

  async seen(): Promise<void> {
    if (await this.#probe.caughtUp(SEEN_MS)) return;
    const what = `what the probe has seen has not come within ${SEEN_MS / 1000} s`;
    throw new Fault('local', what, 'try again when the probe is heard, and there is less traffic');
  }

  async stop(withinMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#probe.close(), late]);
    clearTimeout(timer);
  }
}
