import { CONTINUE, FINAL } from '../../../parsers/iscsi/headers.ts';
import { NO_TAG } from '../../../parsers/iscsi/opcodes.ts';
import { Reject } from '../../../parsers/iscsi/responses.ts';
import {
  MAX_TEXT_BYTES,
  parseTextStrictly,
  type TextKeys,
  textBytes,
  textNumber,
} from '../../../parsers/iscsi/text.ts';
import { normalPortal } from '../../base/address.ts';
import { allowed, sameName } from './access.ts';
import type { Connection } from './connection.ts';
import type { Request } from './request.ts';
import type { Session } from './session.ts';
import { TextGatherer, TextSender } from './textParts.ts';
import type { TargetOptions, TargetPeer, TargetSpec } from './types.ts';

/** Keys that may not be negotiated again once the login is over (RFC 7143 section 13, use "LO" and "IO"). */
const LOGIN_ONLY =
  /^(AuthMethod|CHAP_.|HeaderDigest|DataDigest|MaxConnections|InitialR2T|ImmediateData|MaxBurstLength|FirstBurstLength|DefaultTime2Wait|DefaultTime2Retain|MaxOutstandingR2T|DataPDUInOrder|DataSequenceInOrder|ErrorRecoveryLevel|SessionType|TargetName|InitiatorName|TaskReporting|iSCSIProtocolLevel)$/;
const DECLARED = ['InitiatorAlias', 'NodeArchitecture'];

/** Text requests after the login (RFC 7143 sections 6.4, 11.10 and 11.11): SendTargets, and what else is asked. */
export class TextPhase {
  readonly #connection: Connection;
  readonly #gatherer = new TextGatherer(MAX_TEXT_BYTES);
  readonly #sender = new TextSender();
  /** The exchange that is not over: what the initiator has to send back. */
  #ttt: number = NO_TAG;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** One whole request; `options` are those of now. Returns a reason to reject it, or 0. */
  request(session: Session, request: Request, data: Uint8Array, options: TargetOptions): number {
    const { flags, word20: ttt } = request;
    const [final, more] = [(flags & FINAL) !== 0, (flags & CONTINUE) !== 0];
    if (ttt === NO_TAG) this.#reset();
    else if (ttt !== this.#ttt) return Reject.invalidField;
    if (final && more) return this.#give(Reject.protocol);
    if (this.#sender.waiting) {
      if (data.length > 0) return this.#give(Reject.protocol);
      this.#send(request, true);
      return 0;
    }
    if (!this.#gatherer.add(data)) return this.#give(Reject.protocol);
    if (more) {
      this.#send(request, false);
      return 0;
    }
    const keys = parseTextStrictly(this.#gatherer.whole());
    if (keys === undefined) return this.#give(Reject.protocol);
    this.#sender.put(textBytes(this.#answers(session, keys, options)));
    this.#send(request, final);
    return 0;
  }

  /** The next part; `final`: the exchange is over once all of it was sent. */
  #send(request: Request, final: boolean): void {
    const { wire, sendSegmentMax } = this.#connection;
    const part = this.#sender.next(sendSegmentMax) ?? new Uint8Array(0);
    const more = this.#sender.waiting;
    const over = final && !more;
    this.#ttt = over ? NO_TAG : this.#ttt === NO_TAG ? this.#connection.nextTag() : this.#ttt;
    wire.text((over ? FINAL : 0) | (more ? CONTINUE : 0), request.itt, this.#ttt, part);
  }

  #give(reason: number): number {
    this.#reset();
    return reason;
  }

  #reset(): void {
    this.#gatherer.clear();
    this.#sender.clear();
    this.#ttt = NO_TAG;
  }

  #answers(session: Session, keys: TextKeys, options: TargetOptions): [string, string][] {
    const answers: [string, string][] = [];
    for (const [key, value] of keys) {
      if (key === 'SendTargets') answers.push(...this.#targets(session, value, options));
      else if (key === 'MaxRecvDataSegmentLength') {
        const length = textNumber(value);
        if (length === undefined || length < 512 || length > 0xffffff) answers.push([key, 'Reject']);
        else this.#connection.sendSegmentMax = length;
      } else if (LOGIN_ONLY.test(key)) answers.push([key, 'Reject']);
      else if (!DECLARED.includes(key)) answers.push([key, 'NotUnderstood']);
    }
    return answers;
  }

  /** Discovery (RFC 7143 appendix C): all targets only in a discovery session; nobody is told what he may not use. */
  #targets(session: Session, wanted: string, { targets }: TargetOptions): [string, string][] {
    const own = session.target;
    if (wanted === 'All' && own !== undefined) return [['SendTargets', 'Reject']];
    const peer = this.#connection.ends;
    const seen = targets.filter(
      (target) =>
        (own === undefined ? wanted === 'All' || sameName(target.name, wanted) : target.name === own.name) &&
        allowed(target.allow, session.initiator, peer.address),
    );
    if (own !== undefined && wanted !== '' && !sameName(wanted, own.name)) return [];
    return seen.flatMap((target) => records(target, peer));
  }
}

function records(target: TargetSpec, peer: TargetPeer): [string, string][] {
  const { name, portals = [], tag = 1 } = target;
  const told = portals.length > 0 ? portals : [portalOf(peer)];
  return [['TargetName', name], ...told.map((portal): [string, string] => ['TargetAddress', `${portal},${tag}`])];
}

/** Where the peer came in. */
function portalOf({ localAddress, localPort }: TargetPeer): string {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/i, '');
  const portal = address.includes(':') ? `[${address}]:${localPort}` : `${address}:${localPort}`;
  return normalPortal(portal) ?? portal;
}
