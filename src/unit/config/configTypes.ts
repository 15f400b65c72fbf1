import type { LogLevel } from '../../../hw/logLevel.ts';
import type { JourneyUrl } from '../../base/journeyUrl.ts';
import type { LuUrl } from '../../base/luUrl.ts';
import type { SignalNames } from '../../base/samples.ts';
import type { ServeOptions } from '../serve/serveTypes.ts';

/** What one unit is to do; every path is absolute (or `-` in `replay`), every default is filled in. */
export type Config = ReplayConfig | LiveConfig;

/** A job for `tapmirror mirror`. */
export interface ReplayConfig extends CommonConfig {
  kind: 'replay';
  source: {
    /** Capture files in the order given, one stream of time; `-` is standard input. */
    replay: string[];
    /** What the lines of a parallel bus are called in a VCD; absent: found by their usual names. */
    signals?: SignalNames;
  };
  buffer: {
    bytes: number;
    /** Share of `bytes` that stays free before changes are kept LBN-only. */
    threshold: number;
    whenFull: 'wait' | 'lbn';
  };
  volumes: VolumeConfig[];
}

/** A unit on a real bus, at the far end of links, or both, for `tapmirror run`. */
export interface LiveConfig extends CommonConfig {
  kind: 'live';
  /** Absent: the unit is on no bus, and what it has comes over links. */
  source?: TapSource | TeeSource | ProbeSource;
  /** Where other units' links arrive. Absent: none do. */
  receive?: ReceiveConfig;
  /** What it serves as an iSCSI target. Absent: nothing. */
  serve?: ServeConfig;
  /** What the unit proves itself by, and whom it believes; there where a link begins or ends. */
  tls?: TlsConfig;
  /** The bus does not wait. */
  buffer: { bytes: number; threshold: number; whenFull: 'lbn' };
  /** Of the bus. */
  volumes: LiveVolumeConfig[];
  /** Of the links that arrive here. */
  received: ReceivedVolumeConfig[];
  /** Volumes whose writes share one order (C5). */
  groups: GroupConfig[];
  /** Temporary storage in the state folder, for each link whose buffer runs short (C4). */
  spill: { bytes: number };
  /** Folder of the record and of whatever else the unit keeps. */
  state: string;
  /** Path of the control socket. */
  control: string;
  /** Whose members may use it, besides the unit's own user. Absent: nobody. */
  controlGroup?: string;
  record: {
    /** Bytes that one mark stands for; a power of two. */
    chunkBytes: number;
    /** Bytes that stay marked although they are equal, so that writing them again costs nothing. */
    hotBytes: number;
  };
  /** Bytes a second that copying and repairing may read; absent: as fast as it goes. */
  resync: { bytesPerSecond?: number };
  /** Metrics and the status page; absent: none are served. */
  web?: WebConfig;
  /** iSCSI name of the unit's own sessions; absent: made from the unit's id. */
  initiator?: string;
  log: { level: LogLevel };
  /** What is not wrong but should be known, for example a secret that everybody may read. Without secrets. */
  warnings: string[];
}

export interface CommonConfig {
  /** How long an in-doubt write may still land once its connection is gone (B6), in milliseconds of the bus's time. */
  settleMs: number;
  /** How long and how far bytes may be missing before they are a hole (A6). */
  reorder: { ms: number; bytes: number };
}

/** A passive tap (A2). */
export interface TapSource {
  kind: 'tap';
  interfaces: string[];
  /** `IP:PORT` in the form of `base/address`, for the kernel's filter; empty: all TCP. */
  portals: string[];
  /** Of the kernel, per interface. */
  bufferBytes: number;
  snaplen: number;
  promiscuous: boolean;
  /** Whether the filter lets tunnels (VXLAN, GENEVE, GRE) pass. */
  tunnels: boolean;
  /** A pcap filter in place of the made one. */
  filter?: string;
}

/** An inline proxy in front of the target (A3). */
export interface TeeSource {
  kind: 'tee';
  /** `IP:PORT` in the form of `base/address`, both. */
  listen: string;
  target: string;
  /** Whether `SendTargets` answers and login redirects that name the target name the tee instead. */
  rewriteDiscovery: boolean;
  /** When a write goes on to the target: once its place is marked in the record, or once that mark survives a power loss. */
  status: 'at-once' | 'recorded';
  /** Of hosts, at one time. */
  connections: number;
  /** Microseconds that the process stays awake after bytes came; 0: not at all. */
  awakeUs: number;
}

/** A probe on a serial port that listens to a parallel bus (A4). */
export interface ProbeSource {
  kind: 'probe';
  /** `/dev/serial/by-id/...` or whatever the system calls it. */
  port: string;
  /** Without meaning on USB-CDC. */
  baudRate: number;
  /** `auto`: data as long as the line carries it, else only headers, and data is read from the first volumes. */
  mode: 'auto' | 'full' | 'header-only';
}

export interface VolumeConfig {
  /** `TARGET-NAME/LUN` or `IP:PORT/LUN`, as written. */
  lu: string;
  /** `IP:PORT` in the form of `base/address`: IPv6 shortest, in brackets. */
  portals: string[];
  /** Path of the first volume. */
  first?: string;
  mirrors: MirrorConfig[];
  /** Bytes. */
  blockSize?: number;
  /** Capacity in blocks. */
  blocks?: number;
}

export interface MirrorConfig {
  /** The URL as written, for the report. */
  to: string;
  path: string;
}

/** What a unit serves as an iSCSI target. */
export type ServeConfig = ServeOptions<ServeSource>;

/** Where the blocks of a logical unit lie that is served. */
export type ServeSource = MediumConfig | ServeMirror | ServeReceived | ServeMoment;

/** A mirror of this unit: read-only until it is promoted. */
export interface ServeMirror {
  kind: 'mirror';
  /** Its URL as the volume names it. */
  to: string;
}

/** A volume that comes over a link, and whose past is kept: there once it is promoted. */
export interface ServeReceived {
  kind: 'received';
  volume: string;
}

/** A moment of the past of a volume that comes over a link. */
export interface ServeMoment {
  kind: 'moment';
  volume: string;
  /** A bookmark, a sequence or a time, as people write it. */
  at: string;
  /** Where what hosts write goes until the unit ends; absent: they cannot. */
  scratch?: string;
  force: boolean;
}

/** Metrics and pages that are only read. */
export interface WebConfig {
  /** `IP:PORT` in the form of `base/address`. */
  listen: string;
  /** Names, besides addresses and `localhost`, that browsers may call it by. */
  names: string[];
  /** Who knows it may give orders on the page; absent: nobody. A secret. */
  token?: string;
}

export interface ReceiveConfig {
  /** `IP:PORT` in the form of `base/address`. */
  listen: string;
}

/** What a unit proves itself with at other units: certificates, or keys that are shared beforehand, its own first. */
export type TlsConfig = TlsFiles | { psk: readonly { name: string; key: Uint8Array }[] };

/** PEM texts. */
export interface TlsFiles {
  /** One or more certificates of authorities: whoever has a certificate of one of them is believed. */
  ca: string;
  /** The unit's own certificate, and what leads from it to its authority. */
  cert: string;
  /** Its private key: in no message, log or status. */
  key: string;
}

/** A volume whose changes come over a link. */
export interface ReceivedVolumeConfig {
  /** What links call it. */
  name: string;
  /** Where it is kept. */
  mirror: FileMedium;
  /** What is passed on to (requirement D3). */
  further: LiveMirrorConfig[];
  /** How much of the past is kept; absent: nothing but the newest moment. */
  history?: HistoryConfig;
  blockSize?: number;
  /** Checksums of its blocks are kept. */
  blockTable: boolean;
  /** Names of the units that may send it, as their certificates have them; absent: the first one that ever did. */
  from?: string[];
}

/** A consistency group. */
export interface GroupConfig {
  name: string;
  /** Whether its volumes are of the bus, or come over links. */
  side: 'bus' | 'link';
  /** LUs; or what links call them. */
  volumes: string[];
}

export interface HistoryConfig {
  /** Moments older than this are folded away. */
  windowMs: number;
  /** The queue's size from which its oldest moments are folded away. */
  bytes: number;
  /** Where the queue lies; absent: in the state folder. */
  folder?: string;
}

/** A block whose writes set bookmarks. */
export interface MarkerConfig {
  lbn: number;
  /** What the bookmarks' names begin with; absent: what the block begins with is the name. */
  name?: string;
}

export interface LiveVolumeConfig {
  /** `TARGET-NAME/LUN` or `IP:PORT/LUN`, as written. */
  lu: string;
  /** An operator's word for it, for status and log. */
  name?: string;
  portals: string[];
  /** Only ever read. */
  first?: MediumConfig;
  mirrors: LiveMirrorConfig[];
  /** Checksums of the blocks of its first file mirror are kept. */
  blockTable?: boolean;
  /** What hosts read is compared with them, up to so many bytes a second; absent: it is not. */
  checkReads?: { bytesPerSecond: number };
  blockSize?: number;
  blocks?: number;
  /** Absent: none. */
  markers?: MarkerConfig[];
}

export type LiveMirrorConfig = MediumConfig | JourneyMedium;

/** Where a volume's blocks lie. */
export type MediumConfig = FileMedium | LuMedium;

export interface FileMedium {
  kind: 'file';
  /** The URL as written. */
  to: string;
  path: string;
}

/** An LU behind an iSCSI target. */
export interface LuMedium {
  kind: 'lu';
  /** The URL as written, without the secret. */
  to: string;
  /** With the secret, wherever it was found. */
  url: LuUrl;
  /** The name and secret by which the target must prove itself (mutual CHAP). */
  mutual?: { user: string; secret: string };
  /** Which digests are offered (RFC 7143 section 13.1). */
  digests: { header: boolean; data: boolean };
}

/** A volume at another unit, which is sent the changes in their order. */
export interface JourneyMedium {
  kind: 'journey';
  /** The URL as written. */
  to: string;
  url: JourneyUrl;
  /** Of this link alone; absent: its share of the unit's buffer. */
  buffer?: { bytes: number; threshold: number };
  /** Bytes a second that it may send; absent: as fast as it goes. */
  limit?: number;
  compress: boolean | 'auto';
}
