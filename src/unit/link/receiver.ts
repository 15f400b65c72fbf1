import { listenLink } from '../../../hw/linkListen.ts';
import type { Hello } from '../../../parsers/formats/linkGreeting.ts';
import type { Fault } from '../../base/fault.ts';
import { answerHello, sizeNote } from '../../link/greeting.ts';
import { ReceiverSession } from './receiverSession.ts';
import type { LinkService, LinkServiceOptions, SenderStatus } from './receiverTypes.ts';

/** Strangers that try again and again are told of once in so long. */
const STRANGER_NS = 60e9;
const STRANGERS_MAX = 64;

/** Takes journey links from other units; rejects with a `Fault` when it cannot listen there. */
export async function serveLink(options: LinkServiceOptions): Promise<LinkService> {
  const service = new Service(options);
  await service.listen();
  return service;
}

/** One sender for each volume at a time. */
class Service implements LinkService {
  readonly #options: LinkServiceOptions;
  readonly #sessions = new Set<ReceiverSession>();
  /** The last one that was let to each volume, which may be over and still at work with the store. */
  readonly #holders = new Map<string, ReceiverSession>();
  /** Volumes that nobody sends for now, and why. */
  readonly #held = new Map<string, string>();
  readonly #strangers = new Map<string, number>();
  #listener: { portal: string; close: () => Promise<void> } | undefined;
  #closing = false;

  constructor(options: LinkServiceOptions) {
    this.#options = options;
  }

  get portal(): string {
    return this.#listener?.portal ?? '';
  }

  async listen(): Promise<void> {
    const { listen, keys, about, notice, now } = this.#options;
    this.#listener = await listenLink({
      ...listen,
      keys,
      accepted: (stream) => {
        if (this.#closing) {
          stream.destroy();
          return;
        }
        const session = new ReceiverSession({
          stream,
          ...(about ? { about } : {}),
          notice,
          now,
          greeted: (one, hello) => void this.#greet(one, hello),
          over: (one) => this.#sessions.delete(one),
        });
        this.#sessions.add(session);
      },
      refused: (fault) => this.#stranger(fault),
    });
  }

  sender(volume: string): SenderStatus | undefined {
    const holder = this.#holders.get(volume);
    return holder && !holder.isOver ? holder.status : undefined;
  }

  async hold(volume: string, why: string): Promise<void> {
    this.#held.set(volume, why);
    const holder = this.#holders.get(volume);
    holder?.bye(why);
    await holder?.idle();
  }

  release(volume: string): void {
    this.#held.delete(volume);
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = this.#listener?.close();
    for (const session of this.#sessions) session.bye('the unit ends');
    await Promise.all([...this.#holders.values()].map((session) => session.idle()));
    await closed;
  }

  async #greet(session: ReceiverSession, hello: Hello): Promise<void> {
    const { stores, writers, notice } = this.#options;
    const { volume } = hello;
    // Who may not send a volume learns nothing of it; a volume that is not there belongs to nobody.
    const stranger = stores(volume) && (await writers?.admit(volume, session.stream.peer));
    if (session.isOver || this.#closing) return;
    if (stranger) {
      session.refuse(stranger);
      return;
    }
    const held = this.#held.get(volume);
    if (held !== undefined) {
      session.refuse({ words: held, mend: 'it is asked again until it may be sent', again: true });
      return;
    }
    const store = stores(volume);
    const answer = answerHello(hello, store);
    if (typeof answer !== 'string' || !store) {
      session.refuse(answer as Exclude<typeof answer, string>);
      return;
    }
    const holder = this.#holders.get(volume);
    if (holder && !holder.isOver && holder.owner !== session.owner) {
      const words = `volume ${volume} is being sent by unit ${holder.stream.peer} at ${holder.stream.remote}`;
      session.refuse({ words, mend: 'only one unit may send a volume: end one of them', again: true });
      return;
    }
    // The old connection of a unit that comes again is dead, whether or not the system knows.
    if (holder) {
      holder.bye('the unit has connected anew');
      session.follow(holder.idle());
    }
    this.#holders.set(volume, session);
    const note = sizeNote(hello, store.bytes);
    if (note !== undefined) notice(`journey link, volume ${volume}: ${note}`);
    void session.welcome(store, answer);
  }

  #stranger({ message, mend }: Fault): void {
    const { notice, now } = this.#options;
    // The port is another one each time.
    const key = message.replace(/:\d+ /, ' ');
    const at = now();
    if (at - (this.#strangers.get(key) ?? Number.NEGATIVE_INFINITY) < STRANGER_NS) return;
    if (this.#strangers.size >= STRANGERS_MAX) this.#strangers.clear();
    this.#strangers.set(key, at);
    notice(`journey link refused: ${message}${mend === undefined ? '' : `; ${mend}`}`);
  }
}
