/** Message codes (SPI-5; those that SPI-3 dropped are SCSI-2's). */
export const COMMAND_COMPLETE = 0x00;
export const EXTENDED = 0x01;
export const SAVE_DATA_POINTER = 0x02;
export const RESTORE_POINTERS = 0x03;
export const DISCONNECT = 0x04;
export const ABORT = 0x06;
export const MESSAGE_REJECT = 0x07;
export const MESSAGE_PARITY_ERROR = 0x09;
export const LINKED_COMMAND_COMPLETE = 0x0a;
export const LINKED_COMMAND_COMPLETE_FLAG = 0x0b;
export const BUS_DEVICE_RESET = 0x0c;
export const ABORT_TAG = 0x0d;
export const CLEAR_QUEUE = 0x0e;
export const LOGICAL_UNIT_RESET = 0x17;
export const IGNORE_WIDE_RESIDUE = 0x23;
export const IDENTIFY = 0x80;

/** Codes of extended messages. */
export const MODIFY_DATA_POINTER = 0x00;
export const SDTR = 0x01;
export const WDTR = 0x03;
export const PPR = 0x04;

export interface Message {
  /** The first byte. */
  code: number;
  /** Of an extended message. */
  extended: number;
  /** What follows. */
  args: readonly number[];
}

/** True for SIMPLE, HEAD OF QUEUE, ORDERED and ACA, which carry a tag. */
export function isTag(code: number): boolean {
  return code === 0x20 || code === 0x21 || code === 0x22 || code === 0x24;
}

/** Puts the bytes of messages together. */
export class MessageReader {
  private readonly bytes: number[] = [];

  /** Takes the next byte; the message, once it is whole. */
  push(byte: number): Message | undefined {
    const { bytes } = this;
    bytes.push(byte);
    const [code] = bytes;
    const need = code === EXTENDED ? (bytes.length < 2 ? 2 : 2 + (bytes[1] || 256)) : (code & 0xf0) === 0x20 ? 2 : 1;
    if (bytes.length < need) return undefined;
    const message: Message =
      code === EXTENDED
        ? { code, extended: bytes[2], args: bytes.slice(3) }
        : { code, extended: -1, args: bytes.slice(1) };
    bytes.length = 0;
    return message;
  }

  /** In the middle of a message. */
  get torn(): boolean {
    return this.bytes.length > 0;
  }

  clear(): void {
    this.bytes.length = 0;
  }
}

const NAMES: Readonly<Record<number, string>> = {
  [COMMAND_COMPLETE]: 'COMMAND COMPLETE',
  [SAVE_DATA_POINTER]: 'SAVE DATA POINTER',
  [RESTORE_POINTERS]: 'RESTORE POINTERS',
  [DISCONNECT]: 'DISCONNECT',
  5: 'INITIATOR DETECTED ERROR',
  [ABORT]: 'ABORT',
  [MESSAGE_REJECT]: 'MESSAGE REJECT',
  8: 'NO OPERATION',
  [MESSAGE_PARITY_ERROR]: 'MESSAGE PARITY ERROR',
  [LINKED_COMMAND_COMPLETE]: 'LINKED COMMAND COMPLETE',
  [LINKED_COMMAND_COMPLETE_FLAG]: 'LINKED COMMAND COMPLETE (WITH FLAG)',
  [BUS_DEVICE_RESET]: 'BUS DEVICE RESET',
  [ABORT_TAG]: 'ABORT TAG',
  [CLEAR_QUEUE]: 'CLEAR QUEUE',
  15: 'INITIATE RECOVERY',
  16: 'RELEASE RECOVERY',
  17: 'TERMINATE I/O PROCESS',
  [LOGICAL_UNIT_RESET]: 'LOGICAL UNIT RESET',
  32: 'SIMPLE',
  33: 'HEAD OF QUEUE',
  34: 'ORDERED',
  [IGNORE_WIDE_RESIDUE]: 'IGNORE WIDE RESIDUE',
  36: 'ACA',
  85: 'QAS REQUEST',
};

/** A message for people: `IDENTIFY LUN 2`, `SDTR 100 ns, offset 15`. */
export function messageWords({ code, extended, args }: Message): string {
  if (code >= IDENTIFY) return `IDENTIFY LUN ${code & 0x3f}`;
  if (code !== EXTENDED) {
    const name = NAMES[code] ?? `message ${code.toString(16)}h`;
    return args.length > 0 ? `${name} ${args.join(' ')}` : name;
  }
  if (extended === SDTR && args.length >= 2) return `SDTR ${args[0] * 4} ns, offset ${args[1]}`;
  if (extended === WDTR && args.length >= 1) return `WDTR ${8 << (args[0] & 3)} bits`;
  if (extended === MODIFY_DATA_POINTER && args.length >= 4) return `MODIFY DATA POINTER ${pointerArgument(args)}`;
  if (extended === PPR) return `PPR ${args.join(' ')}`;
  return `extended message ${(extended ?? 0).toString(16)}h`;
}

/** What MODIFY DATA POINTER adds, a signed number of bytes. */
export function pointerArgument(args: readonly number[]): number {
  return (args[0] << 24) | (args[1] << 16) | (args[2] << 8) | args[3];
}
