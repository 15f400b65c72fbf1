import type { Designator } from '../../../parsers/scsi/designator.ts';
import type { ServedMedium } from '../../base/servedMedium.ts';
import type { TargetLimits } from '../../iscsi/target/types.ts';

/** A user and what proves it: in no message, log or status. */
export interface ServeUser {
  user: string;
  secret: string;
}

/** CHAP (RFC 7143 section 12.1.3): who initiators have to be, and what the target proves to those that ask. */
export interface ServeAuth {
  users: ServeUser[];
  mutual?: ServeUser;
  /** Numbers of the algorithms that are accepted; absent: all that are known. */
  algorithms?: number[];
}

/** Who may log in; an empty list is no limit. */
export interface ServeAllow {
  /** iSCSI names; `*` stands for any run of characters. */
  initiators: string[];
  /** Addresses and networks. */
  networks: string[];
}

/** How a logical unit introduces itself, where that is not left to the unit. */
export interface ServeIdentity {
  vendor?: string;
  product?: string;
  serial?: string;
  /** 16 or 32 hexadecimal digits. */
  naa?: string;
  /** Those of a first volume that it stands in for. */
  revision?: string;
  designators?: readonly Designator[];
}

/** A logical unit that is served. `Source` says where its blocks lie. */
export interface ServeLun<Source> {
  lun: number;
  from: Source;
  /** Bytes; absent: as the medium has them, 512 for a file. */
  blockSize?: number;
  /** Bytes of a physical block that hosts are told of; absent: as long as a logical one. */
  physicalBlockSize?: number;
  thin: boolean;
  cache: boolean;
  readOnly: boolean;
  removable: boolean;
  identity: ServeIdentity;
  /** Once it is promoted it introduces itself as the first volume did. */
  asFirst?: boolean;
}

export interface ServeTarget<Source> {
  name: string;
  alias?: string;
  /** What discovery tells, `IP:PORT`; empty: the portal that was asked. */
  portals: string[];
  luns: ServeLun<Source>[];
  /** Absent: nobody has to prove anything. */
  auth?: ServeAuth;
  allow: ServeAllow;
}

export interface ServeOptions<Source> {
  /** `IP:PORT`, at least one. */
  listen: string[];
  targets: ServeTarget<Source>[];
  /** What discovery has to prove; absent: nothing. */
  discovery?: ServeAuth;
  limits: Partial<TargetLimits>;
  /** Bytes of one logical unit that may be written and not durable before a flush begins by itself. */
  dirtyBytes: number;
  /** Microseconds that the process stays awake after bytes came; 0: not at all. */
  awakeUs: number;
}

/** A medium that was opened for a logical unit. */
export interface OpenedMedium {
  medium: ServedMedium;
  /** Bytes; absent: any will do. */
  blockSize?: number;
  writable: boolean;
  /** How it introduces itself as long as it is served so; absent: as configured. */
  identity?: ServeIdentity;
}
