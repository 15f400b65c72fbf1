import { Fault } from '../../base/fault.ts';
import { Outgoing } from './outgoing.ts';
import type { SessionParameters } from './parameters.ts';
import { defaultParameters } from './parameters.ts';
import { Sequence } from './sequence.ts';

/** What the parts of a session share: its output, its numbers and what was negotiated. */
export class Wire {
  /** The target in words, for messages: `host:port`. */
  readonly peer: string;
  readonly out = new Outgoing();
  readonly sequence: Sequence;
  parameters: SessionParameters = defaultParameters();
  /** Bytes handed to the byte stream that it has not sent yet; the stream's owner answers. */
  readonly unsent: () => number;

  constructor(peer: string, firstCmdSn: number, unsent: () => number) {
    this.peer = peer;
    this.sequence = new Sequence(firstCmdSn);
    this.unsent = unsent;
  }

  /** The target's fault: it said or did what the protocol forbids. */
  wrong(what: string): Fault {
    return new Fault('peer', `${this.peer}: the target ${what}`);
  }

  /** True once the first `position` bytes of the output are with the kernel, and their buffers free. */
  sent(position: number): boolean {
    return position <= this.out.taken - this.unsent();
  }
}
