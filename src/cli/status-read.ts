import { readBeyond } from '../../parsers/formats/linkBeyond.ts';
import { Fault, isParseFault } from '../base/fault.ts';
import type { CheckedReadsStatus } from '../unit/compare/checkedReads.ts';
import type { VerifiedStatus } from '../unit/compare/verifyTypes.ts';
import type { ChangedStatus } from '../unit/steer/mirrorChangesTypes.ts';
import type { CertificateStatus } from '../unit/watch/certificates.ts';
import type {
  ErrorWords,
  FirstStatus,
  LinkStatus,
  MirrorStatus,
  ReceivedStatus,
  SourceStatus,
  UnitStatus,
  VolumeStatus,
} from '../unit/watch/status.ts';
import { readMomentWords } from './history-read.ts';

type Keys = Readonly<Record<string, unknown>>;

/**
 * What a unit answered, as a status. It may be of another version: a key that is missing or of another kind takes its
 * empty value, but volumes without mirrors and mirrors without a state are refused by a `Fault`.
 */
export function readStatus(answer: unknown): UnitStatus {
  const unit = keys(answer);
  const { error, ...counters } = keys(unit.source);
  const buffer = keys(unit.buffer);
  return {
    unit: text(unit.unit),
    version: text(unit.version),
    since: text(unit.since),
    source: { ...counters, kind: sourceKind(counters.kind), text: text(counters.text), ...errorWords(error) },
    ...(unit.receive === undefined ? {} : { receive: { text: text(keys(unit.receive).text) } }),
    buffer: {
      bytes: count(buffer.bytes),
      freeBytes: count(buffer.freeBytes),
      state: buffer.state === 'lbnOnly' ? 'lbnOnly' : 'data',
      falls: count(buffer.falls),
      ...errorWords(buffer.error),
    },
    ...(Array.isArray(unit.certificates)
      ? { certificates: unit.certificates.map((one) => certificate(keys(one))) }
      : {}),
    volumes: list(unit.volumes, 'volumes').map(volume),
    ...(Array.isArray(unit.changedMirrors)
      ? { changedMirrors: unit.changedMirrors.map((one) => changedMirror(keys(one))) }
      : {}),
    notices: Array.isArray(unit.notices) ? unit.notices.map(text) : [],
  };
}

function changedMirror({ volume, mirror, change, by, at, line }: Keys): ChangedStatus {
  const what = change === 'removed' ? change : 'added';
  return { volume: text(volume), mirror: text(mirror), change: what, by: text(by), at: text(at), line: text(line) };
}

function sourceKind(kind: unknown): SourceStatus['kind'] {
  return kind === 'tap' || kind === 'probe' || kind === 'links' ? kind : 'tee';
}

function volume(value: unknown): VolumeStatus {
  const { lu, name, blockSize, blocks, first, changes, barriers, openWrites, mirrors, received } = keys(value);
  const { checkedReads } = keys(value);
  return {
    lu: text(lu),
    ...(typeof name === 'string' ? { name } : {}),
    blockSize: typeof blockSize === 'number' ? blockSize : null,
    blocks: typeof blocks === 'number' ? blocks : null,
    first: firstStatus(keys(first)),
    changes: count(changes),
    barriers: count(barriers),
    openWrites: count(openWrites),
    ...(isThere(checkedReads) ? { checkedReads: checkedReadsStatus(keys(checkedReads)) } : {}),
    mirrors: list(mirrors, 'mirrors').map(mirror),
    ...(received === undefined ? {} : { received: receivedStatus(keys(received)) }),
  };
}

function checkedReadsStatus(one: Keys): CheckedReadsStatus {
  const { blocks, differences, unconfirmed, skipped } = one;
  return {
    blocks: count(blocks),
    differences: count(differences),
    unconfirmed: count(unconfirmed),
    skipped: count(skipped),
  };
}

function receivedStatus({ name, bytes, consistent, newest, history, sender }: Keys): ReceivedStatus {
  const past = keys(history);
  const { peer, remote, since, receivedBytes, waitingBytes } = keys(sender);
  return {
    name: text(name),
    bytes: count(bytes),
    consistent: consistent === true,
    newest: isThere(newest) ? readMomentWords(newest) : null,
    history: isThere(history)
      ? {
          oldest: readMomentWords(past.oldest),
          newest: readMomentWords(past.newest),
          bytes: count(past.bytes),
          entries: count(past.entries),
          bookmarks: count(past.bookmarks),
        }
      : null,
    sender: isThere(sender)
      ? {
          peer: text(peer),
          remote: text(remote),
          since: text(since),
          receivedBytes: count(receivedBytes),
          waitingBytes: count(waitingBytes),
        }
      : null,
  };
}

function certificate({ kind, name, from, until }: Keys): CertificateStatus {
  return { kind: kind === 'own' ? 'own' : 'authority', name: text(name), from: text(from), until: text(until) };
}

function verifiedStatus({ at, comparedBytes, differingBytes, uncomparedBytes }: Keys): VerifiedStatus {
  return {
    at: text(at),
    comparedBytes: count(comparedBytes),
    differingBytes: count(differingBytes),
    uncomparedBytes: count(uncomparedBytes),
  };
}

function tableStatus({ currentBytes, bytes }: Keys): NonNullable<MirrorStatus['blockTable']> {
  return { currentBytes: count(currentBytes), bytes: count(bytes) };
}

function linkStatus(one: Keys): LinkStatus {
  const { elidedBytes, roundTripMs, paused, lastFault } = one;
  const copyOut = keys(one.copyOut);
  const beyond = one.beyond === undefined ? undefined : readBeyond(one.beyond);
  return {
    connected: one.connected === true,
    since: text(one.since),
    remote: text(one.remote),
    peer: text(one.peer),
    appended: count(one.appended),
    sent: count(one.sent),
    durable: count(one.durable),
    waitingBytes: count(one.waitingBytes),
    wireBytes: count(one.wireBytes),
    entryBytes: count(one.entryBytes),
    ...(elidedBytes === undefined ? {} : { elidedBytes: count(elidedBytes) }),
    reconnects: count(one.reconnects),
    compression: text(one.compression),
    ...(typeof roundTripMs === 'number' ? { roundTripMs } : {}),
    ...(typeof paused === 'string' ? { paused } : {}),
    ...(typeof lastFault === 'string' ? { lastFault } : {}),
    ...(isThere(one.copyOut)
      ? {
          copyOut: {
            entries: count(copyOut.entries),
            spilledBytes: count(copyOut.spilledBytes),
            recalledBytes: count(copyOut.recalledBytes),
            lostBytes: count(copyOut.lostBytes),
            heldBytes: count(copyOut.heldBytes),
            boundBytes: count(copyOut.boundBytes),
          },
        }
      : {}),
    ...(beyond === undefined || isParseFault(beyond) ? {} : { beyond }),
  };
}

function firstStatus({ url, state, error }: Keys): FirstStatus {
  const known = state === 'up' || state === 'down' ? state : 'none';
  return { url: text(url), state: known, ...errorWords(error) };
}

function mirror(value: unknown): MirrorStatus {
  const one = keys(value);
  const { to, state, progress, record } = one;
  if (typeof to !== 'string' || typeof state !== 'string') throw nonsense('a mirror without a state');
  const { done, total } = keys(progress);
  return {
    to,
    // A state of a later version is shown as it is.
    state: state as MirrorStatus['state'],
    behindBytes: count(one.behindBytes),
    unresolvedBytes: count(one.unresolvedBytes),
    ...(isThere(one.lag)
      ? { lag: { changes: count(keys(one.lag).changes), seconds: count(keys(one.lag).seconds) } }
      : {}),
    writtenBytes: count(one.writtenBytes),
    comparedBytes: count(one.comparedBytes),
    copiedBytes: count(one.copiedBytes),
    ...(progress === undefined ? {} : { progress: { done: count(done), total: count(total) } }),
    since: text(one.since),
    ...errorWords(one.error),
    record: { chunkBytes: count(keys(record).chunkBytes), marked: count(keys(record).marked) },
    ...(one.blockTable === undefined ? {} : { blockTable: tableStatus(keys(one.blockTable)) }),
    ...(isThere(one.verified) ? { verified: verifiedStatus(keys(one.verified)) } : {}),
    ...(one.link === undefined ? {} : { link: linkStatus(keys(one.link)) }),
  };
}

function errorWords(value: unknown): { error?: ErrorWords } {
  const { message, mend } = keys(value);
  if (typeof message !== 'string') return {};
  return { error: { message, ...(typeof mend === 'string' ? { mend } : {}) } };
}

function keys(value: unknown): Keys {
  return typeof value === 'object' && value !== null ? (value as Keys) : {};
}

function isThere(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw nonsense(`no ${what}`);
  return value;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}

function nonsense(what: string): Fault {
  return new Fault('peer', `the unit's answer has ${what} in it`, "use the tapmirror of the unit's own version");
}
