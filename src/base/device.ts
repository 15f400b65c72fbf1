import type { Piece } from './change.ts';

/** A session of one initiator port with one target port, as the device server tells them apart (SAM-6 4.8, I_T nexus). */
export interface Nexus {
  /** Never used again while the process lives. */
  readonly id: number;
  /** The iSCSI name of the initiator. */
  readonly initiator: string;
  /** `NAME,i,0xISID`: the initiator port (RFC 7143 3.4, SPC-5 7.6.4.6). */
  readonly initiatorPort: string;
  /** Relative target port identifier, from 1: the target portal group's tag. */
  readonly targetPort: number;
}

export type TaskAttribute = 'untagged' | 'simple' | 'ordered' | 'headOfQueue' | 'aca';

/** A command as it arrives at a target device (SAM-6 5.1, Execute Command). */
export interface DeviceCommand {
  readonly nexus: Nexus;
  /** Eight bytes of the LUN field as one number's worth of words: see `parsers/scsi/lun.ts`. */
  readonly lun: Uint8Array;
  /** One task of the nexus; free again once its outcome was taken. */
  readonly tag: number;
  /** Borrowed until `begin` returns; 16 bytes, more with an extended CDB. */
  readonly cdb: Uint8Array;
  readonly attribute: TaskAttribute;
  /** Bytes that the initiator would send and take at most (expected data transfer lengths); 0 is none. */
  readonly dataOut: number;
  readonly dataIn: number;
}

/** A task that ends without an outcome of its own. */
export interface StoppedTask {
  readonly nexus: number;
  readonly tag: number;
  readonly tell?: boolean;
}

/**
 * What a device server wants done at its medium, and what it is answered with. A failure is thrown into the steps as a
 * `Fault`. Offsets and lengths are bytes of the LU, which is the task's own unless `lu` names another (EXTENDED COPY).
 */
export type DeviceRequest =
  /**
   * Answered with `length` bytes, which the steps may change. They are good until the request after the next, or until the
   * outcome was sent if it has them.
   */
  | { readonly kind: 'read'; readonly offset: number; readonly length: number; readonly lu?: number }
  /** Answered once every reader sees it, and with `fua` once it is durable. The bytes are the command's data-out. */
  | { readonly kind: 'write'; readonly pieces: readonly Piece[]; readonly fua: boolean; readonly lu?: number }
  /** Blocks become unmapped and read as zeros; what was aligned to the medium's granularity takes no space any more. */
  | { readonly kind: 'unmap'; readonly offset: number; readonly length: number; readonly lu?: number }
  /** Everything answered before is durable once this is. */
  | { readonly kind: 'flush'; readonly lu?: number }
  /** Answered with the runs that are mapped, in order, `[offset, length]`, at most `max` of them (GET LBA STATUS). */
  | {
      readonly kind: 'mapped';
      readonly offset: number;
      readonly length: number;
      readonly max: number;
      readonly lu?: number;
    }
  /** Answered once `bytes` are durable as the LU's state of that name (persistent reservations, saved mode pages). */
  | { readonly kind: 'keep'; readonly name: 'reservations' | 'modes'; readonly bytes: Uint8Array; readonly lu?: number }
  /**
   * Answered once nobody else holds, reads or writes any block of it; held until the steps end (COMPARE AND WRITE is atomic,
   * SBC-4 5.2). Others' reads and writes wait as long. One hold for each task, so that no two wait for each other.
   */
  | { readonly kind: 'hold'; readonly offset: number; readonly length: number; readonly lu?: number }
  /** Answered once none of these tasks can do anything any more; `tell`: TASK ABORTED is due for it (PREEMPT AND ABORT). */
  | { readonly kind: 'stop'; readonly tasks: readonly StoppedTask[] }
  /** Answered whenever other steps of the same LU went on or ended: `while (...) yield { kind: 'wait' }`. */
  | { readonly kind: 'wait' };

export type DeviceAnswer = Uint8Array | readonly (readonly [number, number])[] | undefined;

/** A command being executed: yields requests, is given their answers, and returns what the host is told. */
export type DeviceSteps = Generator<DeviceRequest, DeviceOutcome, DeviceAnswer>;

export interface DeviceOutcome {
  /** SAM-6 5.3.1. */
  readonly status: number;
  /** Sense data, fixed or descriptor format, when the status is CHECK CONDITION. */
  readonly sense?: Uint8Array;
  /** Data-in in parts; the transport cuts it at the expected length and tells the residual. */
  readonly dataIn?: readonly Uint8Array[];
  /** Bytes that the command would have transferred, where that is not what was expected (residual counts). */
  readonly wanted?: number;
}

/** A command that a device server has looked at. */
export interface DeviceTask {
  /** Whose medium its requests mean: the logical unit's key that its maker gave it; undefined where there is none. */
  readonly lu: number | undefined;
  /** Bytes of data-out that it will take: known from the CDB; the transport asks the initiator for no more. */
  readonly takes: number;
  /**
   * Starts it, once `dataOut` is whole: parts in order, `takes` bytes or fewer if the initiator expected to send less. Steps
   * that are given up (aborted) are ended by `return()`, after what they asked for last was done: `finally` puts in order.
   */
  run(dataOut: readonly Uint8Array[]): DeviceSteps;
  /**
   * Takes it out of the task set, once, by whoever has it last: after its steps ended or were given up, or in place of
   * `run` (aborted, or its connection lost, while its data was still to come). It counts for others' order until then.
   */
  end(): void;
}

/** Task management (SAM-6 7). */
export type DeviceManagement =
  | { readonly kind: 'abortTask'; readonly nexus: Nexus; readonly lun: Uint8Array; readonly tag: number }
  | {
      readonly kind: 'abortTaskSet' | 'clearTaskSet' | 'clearAca' | 'lunReset';
      readonly nexus: Nexus;
      readonly lun: Uint8Array;
    }
  | { readonly kind: 'targetWarmReset' | 'targetColdReset'; readonly nexus: Nexus };

/** A SCSI target device: its logical units behind one name. What runs its steps is outside (`src/unit`). */
export interface DeviceServer {
  /** A nexus came to be: unit attentions that greet it stand from now on. */
  open(nexus: Nexus): void;
  /** A nexus is gone (I_T nexus loss, SAM-6 6.3.4): its tasks have been aborted by the caller. */
  close(nexus: Nexus): void;
  /** Looks at a command. Never throws: what is wrong with it is the outcome of its steps. */
  begin(command: DeviceCommand): DeviceTask;
  /**
   * The device server's part of task management: its own state, unit attentions for others, and whom to abort.
   * Returns the tasks that must be stopped, as nexus and tag, or `no lun`.
   */
  manage(order: DeviceManagement): readonly StoppedTask[] | 'no lun';
}
