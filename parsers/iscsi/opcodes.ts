/** iSCSI PDU opcodes, RFC 7143 section 11.2.1.2. */
export const Op = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  snack: 0x10,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  r2t: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

/** The reserved tag value: "no task", "no transfer". */
export const NO_TAG = 0xffffffff;

/** Bytes of a basic header segment. */
export const BHS_BYTES = 48;

/** True for opcodes that an initiator sends (RFC 7143 section 11.2.1.2). */
export function fromInitiator(opcode: number): boolean {
  return (opcode & 0x20) === 0;
}
