import type { Burst } from '../../base/samples.ts';
import { ACK, ATN, BSY, type BusWord, dataOf, IO, NO_PHASE, phaseOf, REQ, RST, SEL, wrongParity } from './word.ts';

/** Nanoseconds that BSY and SEL must stay negated until the bus is free: a bus settle delay (SPI-5 section 10.2). */
const BUS_SETTLE_NS = 400;

/** What the lines of a bus come to. IDs are 0 to 15, -1 where they were not seen. Times in nanoseconds. */
export interface PhaseSink {
  selected(time: number, initiator: number, target: number): void;
  reselected(time: number, initiator: number, target: number): void;
  /** An information phase goes on although nobody saw the connection begin, or a hole lies between. */
  resumed(time: number): void;
  phase(time: number, phase: number): void;
  /** A unit of the current phase, at its REQ (I/O asserted) or ACK. `wrong`: bit 0 and 1, bytes with wrong parity. */
  unit(time: number, value: number, wrong: number, atn: boolean, sure: boolean): void;
  /** Units without their edges. */
  burst(burst: Burst, units: number): void;
  /** The current information phase is over, with so many REQs and ACKs. */
  phaseEnded(time: number, reqs: number, acks: number): void;
  free(time: number): void;
  reset(time: number): void;
}

const UNKNOWN = 0;
const FREE = 1;
const ARBITRATION = 2;
const SELECTION = 3;
const CONNECTED = 4;
/** BSY and SEL are negated, and may be so for a moment only (wired-OR). */
const LEAVING = 5;
const RESET = 6;

/** Follows the lines of the bus through its phases (SPI-5 section 10). */
export class Phases {
  parity = false;
  timed = false;
  private readonly sink: PhaseSink;
  private state = UNKNOWN;
  private last: BusWord = 0;
  private known = false;
  private phase = NO_PHASE;
  private reqs = 0;
  private acks = 0;
  /** IDs on the data bus: while arbitrating, and while selecting. */
  private arbitrating = 0;
  private ids = 0;
  private reselects = false;
  private answered = false;
  /** The arbitration before this selection was not seen. */
  private guessed = false;
  /** IDs that were seen to win an arbitration and select, and those that were selected; a bit each. */
  private initiators = 0;
  private targets = 0;
  private leftAt = 0;
  /** BSY came back, and what it is for is not known: arbitration, or the same connection. */
  private perhapsBack = false;

  constructor(sink: PhaseSink) {
    this.sink = sink;
  }

  /** Nothing is known of the lines any more. */
  forget(time: number): void {
    if (this.state === LEAVING || this.perhapsBack) this.leave();
    else this.endPhase(time, false);
    this.state = UNKNOWN;
    this.known = false;
    this.perhapsBack = false;
  }

  /** The source has ended. */
  finish(time: number): void {
    this.forget(time);
  }

  lines(time: number, word: BusWord): void {
    const before = this.known ? this.last : word;
    this.last = word;
    this.known = true;
    if ((word & RST) !== 0) {
      if (this.state !== RESET) this.reset(time);
      return;
    }
    switch (this.state) {
      case CONNECTED:
        if ((word & (BSY | SEL)) === BSY) this.handshake(time, before, word);
        else this.disconnecting(time, before, word);
        return;
      case LEAVING:
        this.leaving(time, before, word);
        return;
      case SELECTION:
        this.selection(time, before, word);
        return;
      case ARBITRATION:
        this.arbitration(time, before, word);
        return;
      case UNKNOWN:
        this.unknown(time, before, word);
        return;
      default:
        this.idle(word);
    }
  }

  burst(burst: Burst): void {
    if (this.state === LEAVING || this.perhapsBack) this.comeBack();
    if (this.state !== CONNECTED) {
      this.state = CONNECTED;
      this.phase = NO_PHASE;
      this.sink.resumed(burst.from);
    }
    this.enter(burst.from, phaseOf(this.last));
    this.reqs += burst.reqs;
    this.acks += burst.acks;
    this.sink.burst(burst, (this.phase & 2) !== 0 ? burst.reqs : burst.acks);
  }

  private reset(time: number): void {
    if (this.state === LEAVING || this.perhapsBack) this.leave();
    else this.endPhase(time);
    this.perhapsBack = false;
    this.state = RESET;
    this.sink.reset(time);
  }

  private idle(word: BusWord): void {
    if ((word & SEL) !== 0) this.select(word);
    else if ((word & BSY) !== 0) {
      this.state = ARBITRATION;
      this.arbitrating = dataOf(word);
    } else this.state = FREE;
    if (this.state !== SELECTION) this.guessed = false;
  }

  private arbitration(time: number, before: BusWord, word: BusWord): void {
    if ((word & SEL) !== 0) {
      if (this.perhapsBack) this.leave();
      this.select(word);
    } else if ((word & BSY) === 0) {
      this.state = this.perhapsBack ? LEAVING : FREE;
    } else if ((word & (REQ | ACK)) !== 0) {
      // Nobody requests before a connection: BSY had only dipped, or the selection was not seen.
      if (this.perhapsBack) this.comeBack();
      else {
        this.state = CONNECTED;
        this.phase = NO_PHASE;
        this.sink.resumed(time);
      }
      this.handshake(time, before, word);
    } else this.arbitrating |= dataOf(word);
  }

  private select(word: BusWord): void {
    this.state = SELECTION;
    this.ids = dataOf(word);
    this.reselects = (word & IO) !== 0;
    this.answered = false;
  }

  /** SEL is asserted: the winner of the arbitration calls somebody (SPI-5 section 10.5 and what follows it). */
  private selection(time: number, _before: BusWord, word: BusWord): void {
    if ((word & SEL) !== 0) {
      if ((word & BSY) === 0) {
        this.ids = dataOf(word);
        this.reselects = (word & IO) !== 0;
        this.answered = true;
      } else if (!this.answered) {
        this.ids |= dataOf(word);
        this.reselects ||= (word & IO) !== 0;
      }
      return;
    }
    if ((word & BSY) === 0) {
      // Nobody answered.
      this.arbitrating = 0;
      this.state = FREE;
      return;
    }
    this.state = CONNECTED;
    this.phase = NO_PHASE;
    this.called(time);
    this.arbitrating = 0;
    this.handshake(time, word & ~(REQ | ACK), word);
  }

  /** Somebody has answered: who called whom. */
  private called(time: number): void {
    const { ids, reselects } = this;
    const winner = this.winner();
    let initiator = winner;
    let target = highest(ids & ~(1 << winner));
    if (reselects) [initiator, target] = [target, initiator];
    else if (target < 0) [initiator, target] = [-1, winner];
    if (this.guessed) {
      const known = ids & this.targets & ~this.initiators;
      const host = ids & this.initiators & ~this.targets;
      const told = (ids & ~(known | host)) === 0 && known !== 0 && host !== 0;
      initiator = told ? highest(host) : -1;
      target = told ? highest(known) : -1;
    } else if (target >= 0) {
      this.targets |= 1 << target;
      if (initiator >= 0) this.initiators |= 1 << initiator;
    }
    this.guessed = false;
    if (reselects) this.sink.reselected(time, initiator, target);
    else this.sink.selected(time, initiator, target);
  }

  private winner(): number {
    const from = this.arbitrating & this.ids;
    return highest(from !== 0 ? from : this.ids);
  }

  private disconnecting(time: number, before: BusWord, word: BusWord): void {
    if ((word & SEL) !== 0) {
      this.endPhase(time);
      this.sink.free(time);
      this.select(word);
      this.arbitrating = 0;
      return;
    }
    // The last edges of a handshake may fall into the sample of BSY's.
    if ((word & ACK) !== 0 && (before & ACK) === 0) this.handshake(time, before, word);
    this.state = LEAVING;
    this.leftAt = time;
    this.perhapsBack = false;
  }

  private leaving(time: number, before: BusWord, word: BusWord): void {
    if (this.timed && time - this.leftAt >= BUS_SETTLE_NS) {
      this.leave();
      this.idle(word);
      return;
    }
    if ((word & SEL) !== 0) {
      this.leave();
      this.select(word);
    } else if ((word & BSY) !== 0) {
      if (this.timed || (word & (REQ | ACK)) !== 0) {
        this.comeBack();
        this.handshake(time, before, word);
      } else {
        this.perhapsBack = true;
        this.state = ARBITRATION;
        this.arbitrating = dataOf(word);
      }
    }
  }

  private comeBack(): void {
    this.perhapsBack = false;
    this.state = CONNECTED;
  }

  private leave(): void {
    this.perhapsBack = false;
    this.state = FREE;
    this.endPhase(this.leftAt);
    this.sink.free(this.leftAt);
  }

  /** In the middle of the bus's life: what it is at shows with the first line that only one phase has. */
  private unknown(time: number, before: BusWord, word: BusWord): void {
    if ((word & (BSY | SEL)) === 0) {
      this.state = FREE;
      this.sink.free(time);
    } else if ((word & SEL) !== 0) {
      this.sink.free(time);
      // BSY before SEL was an arbitration: no connection comes between the two.
      const seen = (before & (BSY | SEL)) === BSY && (word & BSY) !== 0;
      this.arbitrating = seen ? dataOf(before) : 0;
      this.select(word);
      this.guessed = !seen;
    } else if ((word & (REQ | ACK)) !== 0) {
      this.state = CONNECTED;
      this.phase = NO_PHASE;
      this.sink.resumed(time);
      // The first edges seen are those after this sample, but the phase is known.
      this.enter(time, phaseOf(word));
      this.handshake(time, before, word);
    }
  }

  private handshake(time: number, before: BusWord, word: BusWord): void {
    const edges = word & ~before;
    if ((edges & (REQ | ACK)) === 0) return;
    if ((edges & REQ) !== 0) {
      this.enter(time, phaseOf(word));
      this.reqs++;
      if ((this.phase & 2) !== 0) this.unit(time, word, true);
    }
    if ((edges & ACK) !== 0) {
      if (this.phase === NO_PHASE) this.enter(time, phaseOf(word));
      this.acks++;
      if ((this.phase & 2) === 0) this.unit(time, word, (word & REQ) !== 0);
    }
  }

  private unit(time: number, word: BusWord, sure: boolean): void {
    this.sink.unit(time, dataOf(word), this.parity ? wrongParity(word) : 0, (word & ATN) !== 0, sure);
  }

  private enter(time: number, phase: number): void {
    if (phase === this.phase) return;
    this.endPhase(time);
    this.phase = phase;
    this.sink.phase(time, phase);
  }

  /** `whole`: its handshakes are all over, and may be counted. */
  private endPhase(time: number, whole = true): void {
    if (this.phase !== NO_PHASE) this.sink.phaseEnded(time, this.reqs, whole ? this.acks : this.reqs);
    this.phase = NO_PHASE;
    this.reqs = 0;
    this.acks = 0;
  }
}

/** The ID of highest priority: 7 down to 0, then 15 down to 8 (SPI-5 section 10.4); -1 for none. */
export function highest(ids: number): number {
  if ((ids & 0xff) !== 0) return 31 - Math.clz32(ids & 0xff);
  return (ids & 0xff00) !== 0 ? 31 - Math.clz32(ids & 0xff00) : -1;
}
