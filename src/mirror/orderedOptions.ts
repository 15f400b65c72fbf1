import type { Backlog, DoubtRecord } from '../base/backlog.ts';
import type { Fault } from '../base/fault.ts';
import type { UnderWay } from './orderedHorizon.ts';
import type { Upstream } from './orderedWriter.ts';
import type { MirrorName } from './words.ts';

export interface OrderedMirrorOptions {
  name: MirrorName;
  backlog: Backlog;
  record: DoubtRecord;
  /** Bytes the mirror's medium holds. */
  size: number;
  /** Bytes of entries that are appended and not durable yet. */
  inFlightBytes?: number;
  /** Bytes of one copy from the first volume, and copies under way at once. */
  copyBytes?: number;
  copiesMax?: number;
  /** Copies wait for `credit`. */
  metered?: boolean;
  /** What writes on their way at the LU may still change. Absent: no write is ever under way. */
  underWay?: () => UnderWay;
  /** What is under way is known only some time later (a tap): each look at it is asked for by `settle`. */
  settles?: boolean;
  /** Nanoseconds since 1970, for entries that no command brought. */
  clock?: () => bigint;
  /** A bookmark behind which nothing stands waits so long (ns) for the mirror to be consistent. Absent: not at all. */
  markPatienceNs?: bigint;
  /** What is mirrored is a mirror itself (requirement D3). Absent: it is a volume of a bus. */
  upstream?: Upstream;
  /** The number before the first of the order that the volume shares with others (C5). Absent: it shares none. */
  order?: number;
  /** Whether block tables can be compared at present, before a long repair. Absent: never. */
  surveys?: () => boolean;
  /** Bytes in doubt from which on that is worth it. */
  surveyMin?: number;
  /** Its medium could not be reached: it begins as broken. */
  fault?: Fault;
}
