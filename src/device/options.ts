import type { Designator } from '../../parsers/scsi/designator.ts';
import type { DeviceTask } from '../base/device.ts';

/** How a logical unit introduces itself (SPC-5 sections 6.7.2, 7.7.6 and 7.7.18). */
export interface LunIdentity {
  /** At most 8 ASCII characters. */
  readonly vendor: string;
  /** At most 16. */
  readonly product: string;
  /** At most 4. */
  readonly revision: string;
  /** The unit serial number, VPD page 80h. */
  readonly serial: string;
  /** The NAA designator of VPD page 83h: 16 or 32 hexadecimal digits. */
  readonly naa: string;
  /** All designators of VPD page 83h that name the logical unit, in place of the NAA one and a T10 one made of the rest. */
  readonly designators?: readonly Designator[];
}

/** One logical unit. */
export interface LunOptions {
  /** What the requests of its tasks call its medium; never that of another one. */
  readonly key: number;
  /** 0 to 16383. */
  readonly lun: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly identity: LunIdentity;
  /** Physical blocks hold 2 to the power of that many logical ones; 0 by default. */
  readonly physicalExponent?: number;
  readonly readOnly?: boolean;
  /** Its medium gives space back when blocks are unmapped. */
  readonly thin?: boolean;
  /** Logical blocks that the medium frees together; 1 by default. */
  readonly unmapGranularity?: number;
  /** Its medium has a volatile cache: what was written without FUA may be lost until it is flushed. */
  readonly cache?: boolean;
  /** The medium can be taken out (START STOP UNIT with LOEJ). */
  readonly removable?: boolean;
  /** False: nobody keeps anything of it, so neither reservations nor mode pages outlive this process. True by default. */
  readonly keeps?: boolean;
  /** What `keep` requests kept of an earlier life. */
  readonly saved?: { readonly reservations?: Uint8Array; readonly modes?: Uint8Array };
}

/** A SCSI target device. */
export interface DeviceOptions {
  /** The iSCSI name of the target. */
  readonly name: string;
  readonly luns: readonly LunOptions[];
  /** The longest READ or WRITE in bytes; 32 MiB by default. */
  readonly transferBytesMax?: number;
  /**
   * Runs the steps of a task that no host asked for and no host can stop (SANITIZE and FORMAT UNIT go on when their command is
   * aborted): as a command's are run, `run([])` to the end, then `end()`.
   * Without it there is neither of the two.
   */
  readonly background?: (task: DeviceTask) => void;
}

/** What a device tells of one of its logical units. */
export interface LunStatus {
  readonly lun: number;
  readonly blocks: number;
  readonly tasks: number;
  readonly registrants: number;
  readonly reserved: boolean;
  readonly writeCache: boolean;
}
