import type { Log } from '../../../hw/log.ts';
import type { LogLevel } from '../../../hw/logLevel.ts';
import type { LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import type { LuId } from '../../base/change.ts';
import type { Fault } from '../../base/fault.ts';
import type { MirrorState } from '../../mirror/requests.ts';
import type { CheckedReadsStatus } from '../compare/checkedReads.ts';
import type { VerifiedStatus, VerifyOrder, VerifyReport } from '../compare/verifyTypes.ts';
import type { UnitMirrors } from '../config/config.ts';
import type { RollBackOrder, RollBackReport } from '../history/rollBack.ts';
import type { LagReport } from '../mirror/lag.ts';
import type { CopyOutReport } from '../mirror/recall.ts';
import type { GroupReport, GroupRewindReport } from '../received/groupReceived.ts';
import type { HistoryReport, RewindOrder, RewindReport } from '../received/receivedVolume.ts';
import type { OpenOrder } from '../serve/openMoment.ts';
import type { ServeStatus } from '../serve/serve.ts';
import type { BackgroundJobs } from '../steer/backgroundJobs.ts';
import type { Jobs } from '../steer/jobs.ts';
import type { MirrorChanging } from '../steer/mirrorChanges.ts';
import type { ChangedStatus } from '../steer/mirrorChangesTypes.ts';
import type { Steering } from '../steer/steerTypes.ts';
import { isOrdinary } from './brief.ts';
import type { CertificateStatus } from './certificates.ts';
import type { ExplainReport } from './explain.ts';
import type { MomentWords } from './momentWords.ts';

/** How a running unit stands: what `status --json` prints. Keys are only ever added; no secret is in any of it. */
export interface UnitStatus {
  /** The unit's id, a UUID. */
  unit: string;
  version: string;
  /** When this process began, ISO 8601. */
  since: string;
  source: SourceStatus;
  /** Where links arrive; only there where they do. */
  receive?: { text: string };
  /** What it serves as an iSCSI target; only there where it does. */
  serve?: ServeStatus | null;
  buffer: BufferStatus;
  /** Only there where links are made with some. */
  certificates?: CertificateStatus[];
  /** In the configuration's order. */
  volumes: VolumeStatus[];
  /** Mirrors that were added or removed while it ran, other than its configuration says; only there where there are any. */
  changedMirrors?: ChangedStatus[];
  /** The last ones, oldest first. */
  notices: string[];
}

/** How the unit sits on the bus, and what it has counted there. */
export interface SourceStatus {
  /** `links`: the unit is on no bus, and what it has comes over links. */
  kind: 'tap' | 'tee' | 'probe' | 'links';
  /** For people: `tap eth1, eth2`, `tee 10.0.0.1:3262 -> 10.0.0.2:3260`, `probe /dev/ttyACM0` or `links at 10.0.0.1:7260`. */
  text: string;
  /** What is missed, and why, while that lasts. */
  error?: ErrorWords;
  [counter: string]: unknown;
}

export interface BufferStatus {
  bytes: number;
  freeBytes: number;
  /** Whether changes are kept with their data, or by their LBNs only as room is short. */
  state: 'data' | 'lbnOnly';
  /** How often room became short. */
  falls: number;
  /** While room is short again and again. */
  error?: ErrorWords;
}

export interface VolumeStatus {
  /** Of a volume that comes over a link: its name. */
  lu: LuId;
  name?: string;
  /** Bytes; null while unknown, and so for `blocks`. */
  blockSize: number | null;
  blocks: number | null;
  first: FirstStatus;
  /** Completed writes seen since the unit began. */
  changes: number;
  /** SYNCHRONIZE CACHE commands among the traffic. */
  barriers: number;
  /** Writes that are under way. */
  openWrites: number;
  /** Only there where what hosts read is compared with a mirror's checksums. */
  checkedReads?: CheckedReadsStatus;
  mirrors: MirrorStatus[];
  /** Only there where the volume comes over a link. */
  received?: ReceivedStatus;
}

/** A volume that comes over a link. Sequences and times are those of `tapmirror history`. */
export interface ReceivedStatus {
  name: string;
  bytes: number;
  /** Whether the newest moment is one that the first volume had. */
  consistent: boolean;
  /** The newest moment that is durable here; null before the first. */
  newest: MomentWords | null;
  /** Null where no past is kept. */
  history: HistoryStatus | null;
  /** Null while no sender is connected. */
  sender: SenderWords | null;
}

export interface HistoryStatus {
  oldest: MomentWords;
  newest: MomentWords;
  /** Of the queue. */
  bytes: number;
  entries: number;
  bookmarks: number;
}

export interface SenderWords {
  /** The unit's name as its certificate has it. */
  peer: string;
  remote: string;
  /** ISO 8601. */
  since: string;
  /** Its version, and how far its clock is ahead in milliseconds; absent while it has not said. */
  version?: string;
  clockMs?: number;
  receivedBytes: number;
  /** Of entries that wait to be applied. */
  waitingBytes: number;
}

export interface FirstStatus {
  /** As configured, without a secret; empty for `none`. */
  url: string;
  state: 'up' | 'down' | 'none';
  error?: ErrorWords;
}

export interface MirrorStatus {
  /** As configured, without a secret. */
  to: string;
  state: MirrorState;
  /** Bytes that the mirror does not have yet, or is not known to have right; 0 when it is `equal`. */
  behindBytes: number;
  /** Of them those that are to be read back from the first volume. */
  unresolvedBytes: number;
  /** Only there at a unit on a bus. */
  lag?: LagReport;
  writtenBytes: number;
  /** Bytes compared with the first volume, and those of them that differed and were copied. */
  comparedBytes: number;
  copiedBytes: number;
  /** Of copying or repairing, in bytes; a `total` of 0 is unknown. */
  progress?: { done: number; total: number };
  /** Of the state, ISO 8601. */
  since: string;
  error?: ErrorWords;
  /** Chunks of the stored record that are marked, and their size; 0 where the sender keeps it. */
  record: { chunkBytes: number; marked: number };
  /** Only there where the mirror keeps a block table: bytes whose checksums are known, of all. */
  blockTable?: { currentBytes: number; bytes: number };
  /** What the last comparison (`verify`) found; only there where there was one since the unit began. */
  verified?: VerifiedStatus;
  /** Only there for a link to another unit. */
  link?: LinkStatus;
}

/** A link to another unit. */
export interface LinkStatus {
  connected: boolean;
  /** Since when, ISO 8601. */
  since: string;
  remote: string;
  /** The far unit's name as its certificate has it. */
  peer: string;
  /** The far unit's version, and how far its clock is ahead in milliseconds; absent while it has not said. */
  version?: string;
  clockMs?: number;
  appended: number;
  sent: number;
  durable: number;
  waitingBytes: number;
  wireBytes: number;
  entryBytes: number;
  /** Bytes that were not sent, as they were written over while they waited; absent from units that do not count them. */
  elidedBytes?: number;
  reconnects: number;
  compression: string;
  roundTripMs?: number;
  /** The far end's words while it cannot take more. */
  paused?: string;
  lastFault?: string;
  /** Only there beside a local mirror: the account of blocks that the link's buffer had no room for. */
  copyOut?: CopyOutReport;
  /** The far end's own mirrors of the volume, as it told of them last; only there where it does. */
  beyond?: LinkBeyond[];
}

export interface ErrorWords {
  message: string;
  mend?: string;
}

/** A unit that runs: what the command line and the control socket need of it. */
export interface RunningUnit {
  /** What it is attached to, for people: `tee 10.0.0.1:3262 -> 10.0.0.2:3260, 1 volume, control /run/unit.sock`. */
  readonly ready: string;
  status(): UnitStatus;
  /**
   * Sets a bookmark behind everything seen so far, at every volume of the bus or at those of the scope, and resolves
   * once it stands in their rings. Rejects with a `Fault` where no mirror would keep it.
   */
  mark(name: string, scope?: MarkScope): Promise<MarkReport>;
  /** Compares the mirrors of a volume of the bus, or of the only one, with what they mirror. */
  verify(volume: string | undefined, order: VerifyOrder): Promise<VerifyReport>;
  /** What is known of a block of a volume, or of the only one. Throws a `Fault` where there is no such block. */
  explain(volume: string | undefined, lbn: number): ExplainReport;
  /** What is kept of the past of a volume that comes over a link; without a name of the only one. */
  history(volume: string | undefined): HistoryReport;
  /** The same of a consistency group of such volumes, and an image of each of them in a new folder (C5). */
  groupHistory(name: string): GroupReport;
  groupRewind(name: string, order: RewindOrder): Promise<GroupRewindReport>;
  /** Writes a moment of such a volume into a new file. */
  rewind(volume: string | undefined, order: RewindOrder): Promise<RewindReport>;
  /** Gives hosts the served mirrors of a volume to write to in place of the first volume; `demote` takes them back. */
  promote(volume: string, force: boolean): Promise<PromotionReport>;
  demote(volume: string): Promise<PromotionReport>;
  /** Serves a moment of a volume that comes over a link until the order's signal ends that. */
  open(volume: string | undefined, order: OpenOrder): Promise<void>;
  /** Drops what is newer than a moment of such a volume, once somebody is sure (C2). */
  rollBack(volume: string | undefined, order: RollBackOrder): Promise<RollBackReport>;
  /** Comparisons that nobody waits for; absent where there is nothing to compare. */
  readonly background?: Pick<BackgroundJobs, 'verify'>;
  /** What operators change of it while it runs, and its long jobs. */
  readonly steer: Steering;
  readonly mirrors: MirrorChanging;
  readonly running: Jobs;
  /** Resolves with the reason when the unit cannot go on by itself; never otherwise. */
  readonly failed: Promise<Fault>;
  /** Resolves when somebody has it drained; never otherwise. */
  readonly drained: Promise<void>;
  /** Lets go of the bus, finishes what is buffered as far as the time allows, closes everything. */
  stop(options: { withinMs: number }): Promise<void>;
}

/** Mirrors of a volume that were promoted or demoted, and where each is served. */
export type PromotionReport = { mirror: string; target: string; lun: number }[];

/** The volume of this LU or name, or those of this group. */
export interface MarkScope {
  volume?: string | undefined;
  group?: string | undefined;
}

/** A bookmark that was set. */
export interface MarkReport {
  name: string;
  /** ISO 8601 with nanoseconds. */
  at: string;
  /** LUs that have it. */
  volumes: LuId[];
}

export interface StartHooks {
  /** Changes of state go there by `logState`; notices, which may repeat without end, by `limitRepeats(log)`. */
  log: Log;
  /** Given up while it is still starting. */
  signal?: AbortSignal;
  /** The level of the log, where it can be changed. */
  level?: { get: () => LogLevel; set: (level: LogLevel) => void };
  /** The mirrors as its configuration names them; absent: none can be added or removed. */
  mirrors?: UnitMirrors;
  /** Its tick has run to its end, as it does ten times a second while the unit is well. */
  ticked?: () => void;
}

/** A mirror (or the first volume) is in another state than it was. */
export interface StateChange {
  lu: LuId;
  /** Its URL without the secret. */
  mirror: string;
  from: string;
  to: string;
  why: string;
}

/** States that an operator has to do something about, and those that mend themselves in time. */
const BAD = new Set(['broken']);
const POOR = new Set(['paused', 'down']);

/** The one line that each change of a state has in the log; what only comes and goes with the load is for those who look closely. */
export function logState(log: Log, { lu, mirror, from, to, why }: StateChange): void {
  const fields = { lu, mirror, from, to, why };
  if (BAD.has(to)) log.error('state', fields);
  else if (POOR.has(to)) log.warn('state', fields);
  else if (isOrdinary(from) && isOrdinary(to)) log.debug('state', fields);
  else log.info('state', fields);
}
