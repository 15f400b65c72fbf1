import type { Operation } from './operation.ts';
import { bare6, bare12, bare16, listShape, op, operation } from './operation.ts';

const in6 = listShape(6, 4, 1);
/** The two-byte length that SPC-3 gave the 6-byte commands of INQUIRY's kind. */
const wide6 = listShape(6, 3, 2);
const list10 = listShape(10, 7, 2);
const buffer10 = listShape(10, 6, 3);
const list12 = listShape(12, 6, 4);
const list16 = listShape(16, 10, 4);
const wholeLu = { effect: 'wholeLu' } as const;
const formats = { mayChangeFormat: true } as const;
const copies = { effect: 'xcopy', thirdParty: true } as const;
/** SPC-2's COPY commands name their LUs by parallel bus addresses: what they write to is not told. */
const oldCopies = { effect: 'wholeLu', thirdParty: true } as const;

/** SCSI Primary Commands (SPC-2 to SPC-6). */
export const primaryOperations: readonly Operation[] = [
  op(0x00, 'TEST UNIT READY', 'control', '-', bare6),
  op(0x03, 'REQUEST SENSE', 'control', 'r', in6),
  op(0x12, 'INQUIRY', 'control', 'r', wide6),
  op(0x15, 'MODE SELECT(6)', 'control', 'w', in6, formats),
  op(0x16, 'RESERVE(6)', 'control', '-', bare6),
  op(0x17, 'RELEASE(6)', 'control', '-', bare6),
  op(0x18, 'COPY', 'write', 'w', listShape(6, 2, 3), oldCopies),
  op(0x1a, 'MODE SENSE(6)', 'control', 'r', in6),
  op(0x1c, 'RECEIVE DIAGNOSTIC RESULTS', 'control', 'r', wide6),
  op(0x1d, 'SEND DIAGNOSTIC', 'control', 'w', wide6),
  op(0x1e, 'PREVENT ALLOW MEDIUM REMOVAL', 'control', '-', bare6),
  op(0x39, 'COMPARE', 'read', 'w', listShape(10, 3, 3)),
  op(0x3a, 'COPY AND VERIFY', 'write', 'w', listShape(10, 3, 3), oldCopies),
  op(0x3b, 'WRITE BUFFER', 'control', 'w', buffer10),
  op(0x3c, 'READ BUFFER(10)', 'control', 'r', buffer10),
  op(0x40, 'CHANGE DEFINITION', 'control', 'w', listShape(10, 8, 1)),
  op(0x4c, 'LOG SELECT', 'control', 'w', list10),
  op(0x4d, 'LOG SENSE', 'control', 'r', list10),
  op(0x55, 'MODE SELECT(10)', 'control', 'w', list10, formats),
  op(0x56, 'RESERVE(10)', 'control', '-', list10),
  op(0x57, 'RELEASE(10)', 'control', '-', list10),
  op(0x5a, 'MODE SENSE(10)', 'control', 'r', list10),
  op(0x5e, 'PERSISTENT RESERVE IN', 'control', 'r', list10),
  op(0x5f, 'PERSISTENT RESERVE OUT', 'control', 'w', listShape(10, 5, 4)),
  op(0x86, 'ACCESS CONTROL IN', 'control', 'r', list16),
  op(0x87, 'ACCESS CONTROL OUT', 'control', 'w', list16),
  op(0x8c, 'READ ATTRIBUTE', 'control', 'r', list16),
  op(0x8d, 'WRITE ATTRIBUTE', 'control', 'w', list16),
  op(0x9b, 'READ BUFFER(16)', 'control', 'r', list16),
  op(0xa0, 'REPORT LUNS', 'control', 'r', list12),
  op(0xa2, 'SECURITY PROTOCOL IN', 'control', 'r', list12),

  operation(0x83, 0x00, 'EXTENDED COPY(LID1)', 'write', 'w', list16, copies),
  operation(0x83, 0x01, 'EXTENDED COPY(LID4)', 'write', 'w', list16, copies),
  operation(0x83, 0x10, 'POPULATE TOKEN', 'control', 'w', list16),
  operation(0x83, 0x11, 'WRITE USING TOKEN', 'write', 'w', list16, { effect: 'token' }),
  operation(0x83, 0x1c, 'COPY OPERATION ABORT', 'control', '-', bare16),
  operation(0x84, 0x00, 'RECEIVE COPY STATUS(LID1)', 'control', 'r', list16),
  operation(0x84, 0x01, 'RECEIVE COPY DATA(LID1)', 'control', 'r', list16),
  operation(0x84, 0x03, 'RECEIVE COPY OPERATING PARAMETERS', 'control', 'r', list16),
  operation(0x84, 0x04, 'RECEIVE COPY FAILURE DETAILS(LID1)', 'control', 'r', list16),
  operation(0x84, 0x05, 'RECEIVE COPY STATUS(LID4)', 'control', 'r', list16),
  operation(0x84, 0x06, 'RECEIVE COPY DATA(LID4)', 'control', 'r', list16),
  operation(0x84, 0x07, 'RECEIVE ROD TOKEN INFORMATION', 'control', 'r', list16),
  operation(0x84, 0x08, 'REPORT ALL ROD TOKENS', 'control', 'r', list16),
  operation(0x9e, 0x0f, 'RECEIVE BINDING REPORT', 'control', 'r', list16),
  operation(0x9f, 0x0b, 'TEST BIND', 'control', 'w', bare16),
  operation(0x9f, 0x0c, 'PREPARE BINDING REPORT', 'control', 'w', bare16),
  operation(0x9f, 0x0d, 'SET AFFILIATION', 'control', 'w', bare16),
  operation(0x9f, 0x0e, 'BIND', 'control', 'w', bare16),
  operation(0x9f, 0x0f, 'UNBIND', 'control', 'w', bare16),
  operation(0xa3, 0x05, 'REPORT IDENTIFYING INFORMATION', 'control', 'r', list12),
  operation(0xa3, 0x0a, 'REPORT TARGET PORT GROUPS', 'control', 'r', list12),
  operation(0xa3, 0x0b, 'REPORT ALIASES', 'control', 'r', list12),
  operation(0xa3, 0x0c, 'REPORT SUPPORTED OPERATION CODES', 'control', 'r', list12),
  operation(0xa3, 0x0d, 'REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', 'control', 'r', list12),
  operation(0xa3, 0x0e, 'REPORT PRIORITY', 'control', 'r', list12),
  operation(0xa3, 0x0f, 'REPORT TIMESTAMP', 'control', 'r', list12),
  operation(0xa3, 0x10, 'MANAGEMENT PROTOCOL IN', 'control', 'r', list12),
  operation(0xa3, 0x1d, 'REPORT PROVISIONING INITIALIZATION PATTERN', 'control', 'r', list12),
  operation(0xa4, 0x06, 'SET IDENTIFYING INFORMATION', 'control', 'w', list12),
  operation(0xa4, 0x0a, 'SET TARGET PORT GROUPS', 'control', 'w', list12),
  operation(0xa4, 0x0b, 'CHANGE ALIASES', 'control', 'w', list12),
  operation(0xa4, 0x0c, 'REMOVE I_T NEXUS', 'control', 'w', list12),
  operation(0xa4, 0x0e, 'SET PRIORITY', 'control', 'w', list12),
  operation(0xa4, 0x0f, 'SET TIMESTAMP', 'control', 'w', list12),
  operation(0xa4, 0x10, 'MANAGEMENT PROTOCOL OUT', 'control', 'w', list12),
  operation(0xab, 0x01, 'READ MEDIA SERIAL NUMBER', 'control', 'r', list12),
  operation(0x7f, 0x1800, 'RECEIVE CREDENTIAL', 'control', 'r', listShape(32, 28, 4)),
];

/** SCSI Controller Commands (SCC-2), for disk arrays: what sets up volumes may change what they hold. */
export const controllerOperations: readonly Operation[] = [
  operation(0xa3, 0x00, 'REPORT ASSIGNED/UNASSIGNED P_EXTENT', 'control', 'r', list12),
  operation(0xa3, 0x01, 'REPORT COMPONENT DEVICE', 'control', 'r', list12),
  operation(0xa3, 0x02, 'REPORT COMPONENT DEVICE ATTACHMENTS', 'control', 'r', list12),
  operation(0xa3, 0x03, 'REPORT PERIPHERAL DEVICE', 'control', 'r', list12),
  operation(0xa3, 0x04, 'REPORT PERIPHERAL DEVICE ASSOCIATIONS', 'control', 'r', list12),
  operation(0xa3, 0x06, 'REPORT STATES', 'control', 'r', list12),
  operation(0xa3, 0x07, 'REPORT DEVICE IDENTIFICATION', 'control', 'r', list12),
  operation(0xa3, 0x08, 'REPORT UNCONFIGURED CAPACITY', 'control', 'r', list12),
  operation(0xa3, 0x09, 'REPORT SUPPORTED CONFIGURATION METHOD', 'control', 'r', list12),
  operation(0xa4, 0x00, 'ADD PERIPHERAL DEVICE/COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x01, 'ATTACH TO COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x02, 'EXCHANGE P_EXTENT', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x03, 'EXCHANGE PERIPHERAL DEVICE/COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x04, 'INSTRUCT COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x05, 'REMOVE PERIPHERAL DEVICE/COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  operation(0xa4, 0x07, 'BREAK PERIPHERAL DEVICE/COMPONENT DEVICE', 'write', 'w', list12, wholeLu),
  op(0xba, 'REDUNDANCY GROUP (IN)', 'control', 'r', bare12),
  op(0xbb, 'REDUNDANCY GROUP (OUT)', 'write', 'w', bare12, wholeLu),
  op(0xbc, 'SPARE (IN)', 'control', 'r', bare12),
  op(0xbd, 'SPARE (OUT)', 'write', 'w', bare12, wholeLu),
  op(0xbe, 'VOLUME SET (IN)', 'control', 'r', bare12),
  op(0xbf, 'VOLUME SET (OUT)', 'write', 'w', bare12, wholeLu),
];
