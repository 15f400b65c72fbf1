import { EXTENDED, MESSAGE_REJECT, type Message, PPR, SDTR, WDTR } from './messages.ts';

/** What an initiator and a target have agreed on for their data phases (SPI-5 section 4.12). */
export interface Agreement {
  /** Bytes of a unit. */
  width: 1 | 2;
  /** False until a message, a reset or a count has told: `width` is then a guess. */
  proven: boolean;
  /** REQ/ACK offset, 0 is asynchronous; -1 while nothing told. */
  offset: number;
  /** Nanoseconds of a synchronous transfer, 0 without one. */
  periodNs: number;
  /** Nanoseconds of a byte in the fastest data phase so far; Infinity before one was seen. */
  fastestNs: number;
  /** Information units: phases then mean something else. */
  packets: boolean;
}

/** The agreements of all pairs on a bus, and the negotiations that are under way. */
export class Agreements {
  /** The bus is seen by eight data lines: who agrees on more is not seen whole. */
  narrow = false;
  private readonly pairs = new Map<number, Agreement>();
  private proposal: { message: Message; fromInitiator: boolean } | undefined;

  of(initiator: number, target: number): Agreement {
    const key = (initiator + 1) * 16 + target;
    let agreement = this.pairs.get(key);
    if (agreement === undefined) {
      agreement = {
        width: 1,
        proven: this.narrow,
        offset: -1,
        periodNs: 0,
        fastestNs: Number.POSITIVE_INFINITY,
        packets: false,
      };
      this.pairs.set(key, agreement);
    }
    return agreement;
  }

  /** A hard reset of one target, or of all: eight bits, asynchronous (SPI-5 section 4.12). */
  reset(target: number | undefined): void {
    for (const [key, agreement] of this.pairs)
      if (target === undefined || key % 16 === target) narrow(agreement, 'both');
  }

  /** A hole lay where a negotiation may have been: what is agreed on is only a guess now. */
  doubt(): void {
    this.proposal = undefined;
    for (const agreement of this.pairs.values()) {
      agreement.proven = this.narrow;
      agreement.offset = -1;
    }
  }

  /** A new connection: a negotiation that got no answer came to nothing. */
  fresh(): void {
    this.proposal = undefined;
  }

  /** A message between the two; an answer to a proposal settles it. */
  message(agreement: Agreement, message: Message, fromInitiator: boolean): void {
    const { proposal } = this;
    if (message.code === MESSAGE_REJECT) {
      if (proposal === undefined || proposal.fromInitiator === fromInitiator) return;
      narrow(agreement, proposal.message.extended === SDTR ? 'offset' : 'both');
      this.proposal = undefined;
      return;
    }
    if (message.code !== EXTENDED) return;
    if (message.extended !== SDTR && message.extended !== WDTR && message.extended !== PPR) return;
    if (
      proposal === undefined ||
      proposal.fromInitiator === fromInitiator ||
      proposal.message.extended !== message.extended
    ) {
      this.proposal = { message, fromInitiator };
      return;
    }
    settle(agreement, message);
    this.proposal = undefined;
  }
}

/** The answer never asks for more than the proposal did. */
function settle(agreement: Agreement, { extended, args }: Message): void {
  agreement.fastestNs = Number.POSITIVE_INFINITY;
  if (extended === SDTR) {
    agreement.offset = args[1] ?? 0;
    agreement.periodNs = agreement.offset > 0 ? args[0] * 4 : 0;
  } else if (extended === WDTR) {
    narrow(agreement, 'both');
    agreement.width = (args[0] ?? 0) > 0 ? 2 : 1;
  } else {
    // PPR (SPI-5 section 4.12): period factor, reserved, offset, width exponent, protocol options.
    agreement.offset = args[2] ?? 0;
    agreement.periodNs = agreement.offset > 0 ? factorNs(args[0]) : 0;
    agreement.width = (args[3] ?? 0) > 0 ? 2 : 1;
    agreement.proven = true;
    agreement.packets = ((args[4] ?? 0) & 0x01) !== 0;
  }
}

/** Transfer period factors below 0Dh are codes. */
function factorNs(factor: number): number {
  const codes: Readonly<Record<number, number>> = { 7: 6.25, 8: 6.25, 9: 12.5, 10: 25, 11: 30, 12: 50 };
  return codes[factor] ?? factor * 4;
}

function narrow(agreement: Agreement, what: 'offset' | 'both'): void {
  agreement.offset = 0;
  agreement.periodNs = 0;
  agreement.fastestNs = Number.POSITIVE_INFINITY;
  if (what === 'offset') return;
  agreement.width = 1;
  agreement.proven = true;
  agreement.packets = false;
}
