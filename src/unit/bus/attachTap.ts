import { setTimeout as pause } from 'node:timers/promises';
import { type TapSource as LiveTapSource, openTap, type TapLoss } from '../../../hw/tap.ts';
import { LEVEL_WORDS } from '../../../hw/tapLevels.ts';
import { Fault } from '../../base/fault.ts';
import type { Room } from '../../buffer/room.ts';
import type { Snoop } from '../../snoop/snoop.ts';
import type { TapSource } from '../config/configTypes.ts';
import type { SourceStatus } from '../watch/status.ts';
import type { Attachment } from './attachment.ts';
import { portalFilter, rawFilter } from './tapFilter.ts';

export interface TapParts {
  snoop: Snoop;
  room: Room;
  /** Monotonic time in nanoseconds. */
  now: () => number;
  notice: (text: string) => void;
  /** Something was lost that no sequence number may ever show. */
  lost: (text: string) => void;
}

/** Clocks of interfaces may be behind the one that the tap began by; times count from here. */
const BEFORE_SECONDS = 60;
/** How long, and how often, it is asked whether the capture has come so far. */
const SEEN_MS = 5000;
const SEEN_AGAIN_MS = 5;

/** Listens to the bus (requirement A2). Rejects with a `Fault` when it cannot. */
export async function attachTap(config: TapSource, parts: TapParts): Promise<Attachment> {
  const { interfaces, portals, tunnels, filter, bufferBytes, snaplen, promiscuous } = config;
  const source = await openTap({
    interfaces,
    filter: filter === undefined ? portalFilter({ portals, tunnels }) : rawFilter(filter),
    bufferBytes,
    snaplen,
    promiscuous,
    notice: parts.notice,
  });
  return new Tap(config, parts, source);
}

class Tap implements Attachment {
  readonly text: string;
  readonly failed: Promise<Fault>;
  readonly #parts: TapParts;
  readonly #source: LiveTapSource;
  readonly #read: Promise<void>;
  /** Whole seconds since 1970 that the snoop's times count from. */
  readonly #origin = Math.floor(Date.now() / 1000) - BEFORE_SECONDS;
  #fail: (fault: Fault) => void = () => {};

  constructor({ interfaces }: TapSource, parts: TapParts, source: LiveTapSource) {
    this.text = `tap ${interfaces.join(', ')}`;
    this.#parts = parts;
    this.#source = source;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    const { snoop } = parts;
    snoop.countFrom(this.#origin);
    source.beforeReuse = (bytes) => snoop.beforeReuse(bytes);
    source.onLoss((loss) => parts.lost(lossWords(loss)));
    this.#read = this.#feed().catch((error: unknown) => this.#fail(faultOf(error)));
  }

  get fault(): string | undefined {
    const { level } = this.#source;
    return level === 'full' ? undefined : LEVEL_WORDS[level];
  }

  status(): SourceStatus {
    const { level, interfaces } = this.#source;
    const { frames, iscsiStreams } = this.#parts.snoop;
    return { kind: 'tap', text: this.text, level, drops: this.#source.drops(), frames, iscsiStreams, interfaces };
  }

  tick(): void {
    // While the bus is silent the snoop's clock has to be told.
    const quiet = Number(this.#source.quietUntil - BigInt(this.#origin) * 1_000_000_000n);
    if (quiet > 0) this.#parts.snoop.advance(quiet);
  }

  async seen(): Promise<void> {
    const at = BigInt(Date.now() + 1) * 1_000_000n;
    const end = this.#parts.now() + SEEN_MS * 1e6;
    while (this.#source.quietUntil < at) {
      if (this.#parts.now() > end) {
        const what = `what the tap has captured is not decoded within ${SEEN_MS / 1000} s`;
        throw new Fault('local', what, 'try again when there is less traffic');
      }
      await pause(SEEN_AGAIN_MS);
    }
  }

  async stop(withinMs: number): Promise<void> {
    await this.#source.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([this.#read, late]);
    clearTimeout(timer);
    await this.#source.close();
  }

  async #feed(): Promise<void> {
    const { snoop, room, now } = this.#parts;
    for (let run = await this.#source.next(); run; run = await this.#source.next()) {
      snoop.consume(run.batch, run.from, run.to);
      room.tick(now());
    }
  }
}

function lossWords({ kernel, interface: card, own, blind }: TapLoss): string {
  const words: string[] = [];
  if (kernel > 0) words.push(`the kernel dropped ${kernel} frames`);
  if (card > 0) words.push(`the interface lost ${card} frames`);
  if (own > 0) words.push(`${own} frames were dropped for want of memory`);
  if (blind > 0) words.push('an interface was not heard for a while');
  return `the tap missed traffic: ${words.join(', ')}; every volume is compared with its first`;
}

function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Fault('bug', `decoding what the tap captured failed: ${why}`, 'start the unit again', { cause: error });
}
