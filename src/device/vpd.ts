import { put16, put32 } from '../../parsers/bytes.ts';
import { ASSOCIATION_LU, type Designator, TYPE_NAA, TYPE_T10 } from '../../parsers/scsi/designator.ts';
import { CHANGE_VULNERABLE, ZERO_ROD } from '../../parsers/scsi/token.ts';
import type { Nexus } from '../base/device.ts';
import { LIST_BYTES_MAX, PARTIES_MAX, SEGMENT_BYTES_MAX, SEGMENTS_MAX } from './copyResults.ts';
import type { LogicalUnit } from './logicalUnit.ts';
import { concat, hexBytes, putText } from './text.ts';
import { TOKEN_BYTES_MAX, TOKEN_RANGES_MAX } from './tokens.ts';

/** Vital product data pages by their code, each behind its header (SPC-5 section 7.7, SBC-4 section 6.6). */
const pages: ReadonlyMap<number, (unit: LogicalUnit, nexus: Nexus) => Uint8Array> = new Map([
  [0x00, supportedPages],
  [0x80, serialNumber],
  [0x83, identification],
  [0x86, extendedInquiry],
  [0x87, modePagePolicy],
  [0x8f, thirdPartyCopy],
  [0xb0, blockLimits],
  [0xb1, characteristics],
  [0xb2, provisioning],
]);

const UNMAP_BLOCKS_MAX = 0xffffffff;
export const UNMAP_DESCRIPTORS_MAX = 4096;
/** COMPARE AND WRITE's count is one byte. */
const COMPARE_BLOCKS_MAX = 255;
const ATOMIC_BYTES_MAX = 0x100000;
const COPIES_MAX = 16;
const TOKEN_SECONDS = 60;

const BINARY = 1;
const ASCII = 2;
const UTF8 = 3;
const ISCSI = 0x50;
const PROTOCOL_VALID = 0x80;
const TARGET_PORT = 0x10;
const TARGET_DEVICE = 0x20;

/** A page whole, as nobody has cut it; undefined where there is no such page. */
export function vpdPage(unit: LogicalUnit, nexus: Nexus, code: number): Uint8Array | undefined {
  const content = pages.get(code)?.(unit, nexus);
  if (content === undefined) return undefined;
  const page = new Uint8Array(4 + content.length);
  page[1] = code;
  put16(page, 2, content.length);
  page.set(content, 4);
  return page;
}

function supportedPages(): Uint8Array {
  return Uint8Array.from(pages.keys());
}

function text(value: string): Uint8Array {
  const bytes = new Uint8Array(value.length);
  putText(bytes, 0, value.length, value);
  return bytes;
}

function serialNumber(unit: LogicalUnit): Uint8Array {
  return text(unit.identity.serial);
}

/** SPC-5 section 7.7.6: the logical unit by NAA and T10 vendor id, the target port and the target device by their names. */
function identification(unit: LogicalUnit, nexus: Nexus): Uint8Array {
  const { place } = unit;
  const port = new Uint8Array(4);
  put16(port, 2, nexus.targetPort);
  const group = nexus.targetPort.toString(16).padStart(4, '0');
  const parts = [
    ...luDesignators(unit).map(({ type, codeSet, bytes }) => designator(codeSet, type, 0, bytes)),
    designator(BINARY, TARGET_PORT | 0x04, ISCSI, port),
    designator(UTF8, TARGET_PORT | 0x08, ISCSI, scsiName(`${place.name},t,0x${group}`)),
    designator(UTF8, TARGET_DEVICE | 0x08, ISCSI, scsiName(place.name)),
  ];
  return concat(parts);
}

/** What names the logical unit itself. */
export function luDesignators({ identity }: LogicalUnit): readonly Designator[] {
  const { designators, naa, vendor, serial } = identity;
  if (designators !== undefined) return designators;
  const t10 = text(vendor.padEnd(8).slice(0, 8) + serial);
  return [
    { association: ASSOCIATION_LU, type: TYPE_NAA, codeSet: BINARY, bytes: hexBytes(naa) },
    { association: ASSOCIATION_LU, type: TYPE_T10, codeSet: ASCII, bytes: t10 },
  ];
}

function designator(codeSet: number, type: number, protocol: number, bytes: Uint8Array): Uint8Array {
  const part = new Uint8Array(4 + bytes.length);
  part[0] = protocol | codeSet;
  part[1] = protocol === 0 ? type : PROTOCOL_VALID | type;
  part[3] = bytes.length;
  part.set(bytes, 4);
  return part;
}

/** A SCSI name string ends in a NUL and fills whole words (SPC-5 section 7.7.6.11). */
function scsiName(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  const padded = new Uint8Array((bytes.length + 4) & ~3);
  padded.set(bytes);
  return padded;
}

/** SPC-5 section 7.7.7: all task attributes but ACA, V_SUP where there is a cache, attentions cleared for each nexus. */
function extendedInquiry(unit: LogicalUnit): Uint8Array {
  const content = new Uint8Array(60);
  content[1] = 0x07;
  content[2] = unit.modes.pages.some(({ defaults }) => defaults[0] === 0x08 && (defaults[2] & 0x04) !== 0) ? 0x01 : 0;
  content[3] = 0x01;
  return content;
}

/** SPC-5 section 7.7.9: every page is shared. */
function modePagePolicy(): Uint8Array {
  return Uint8Array.of(0x3f, 0xff, 0x00, 0x00);
}

/** Third-party Copy page, SPC-5 section 7.7.17: commands, limits, descriptor types, and what goes on at once. */
function thirdPartyCopy(unit: LogicalUnit): Uint8Array {
  const limits = new Uint8Array(28);
  put16(limits, 4, PARTIES_MAX);
  put16(limits, 6, SEGMENTS_MAX);
  put32(limits, 8, LIST_BYTES_MAX);
  const general = new Uint8Array(32);
  put32(general, 0, COPIES_MAX);
  put32(general, 4, COPIES_MAX);
  put32(general, 8, SEGMENT_BYTES_MAX);
  general[12] = Math.log2(unit.blockSize);
  return concat([
    copyDescriptor(0x0000, tokenLimits(unit)),
    copyDescriptor(0x0001, Uint8Array.of(11, 0x83, 3, 0x00, 0x10, 0x11, 0x84, 4, 0x00, 0x03, 0x04, 0x07)),
    copyDescriptor(0x0004, limits),
    copyDescriptor(0x0008, Uint8Array.of(2, 0x02, 0xe4)),
    copyDescriptor(0x0106, tokenFeatures()),
    copyDescriptor(0x0108, tokenTypes()),
    copyDescriptor(0x8001, general),
  ]);
}

/** Block Device ROD Token Limits, SBC-4 section 6.6.7: tokens end by what happens, not by a time. */
function tokenLimits(unit: LogicalUnit): Uint8Array {
  const bytes = new Uint8Array(32);
  put16(bytes, 6, TOKEN_RANGES_MAX);
  put32(bytes, 8, 0xffffffff);
  put32(bytes, 12, TOKEN_SECONDS);
  put32(bytes, 20, TOKEN_BYTES_MAX / unit.blockSize);
  put32(bytes, 28, TOKEN_BYTES_MAX / unit.blockSize);
  return bytes;
}

/** ROD Token Features, SPC-5 section 7.7.17.8: no remote tokens. */
function tokenFeatures(): Uint8Array {
  const bytes = new Uint8Array(44 + 48);
  put32(bytes, 20, 0xffffffff);
  put16(bytes, 42, 48);
  // Block ROD device type specific features: the most bytes of a ROD.
  put16(bytes, 46, 44);
  put32(bytes, 56, TOKEN_BYTES_MAX);
  return bytes;
}

/** Supported ROD types, SPC-5 section 7.7.17.9: point in time, change vulnerable; zeros, which are taken alone. */
function tokenTypes(): Uint8Array {
  const bytes = new Uint8Array(4 + 2 * 64);
  put16(bytes, 2, 2 * 64);
  put32(bytes, 4, CHANGE_VULNERABLE);
  bytes[8] = 0x03;
  put32(bytes, 68, ZERO_ROD);
  bytes[72] = 0x02;
  return bytes;
}

/** A third-party copy descriptor fills whole words. */
function copyDescriptor(type: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((4 + content.length + 3) & ~3);
  put16(bytes, 0, type);
  put16(bytes, 2, bytes.length - 4);
  bytes.set(content, 4);
  return bytes;
}

/**
 * SBC-4 section 6.6.4. The granularity of transfers is the physical block: with more, hosts take it and the optimal length for
 * a stripe, and lay file systems out for that (Linux's mkfs.xfs and mkfs.ext4).
 */
function blockLimits(unit: LogicalUnit): Uint8Array {
  const content = new Uint8Array(60);
  content[1] = COMPARE_BLOCKS_MAX;
  put16(content, 2, 2 ** unit.physicalExponent);
  put32(content, 4, unit.transferBlocksMax);
  put32(content, 8, Math.min(unit.transferBlocksMax, Math.floor(0x100000 / unit.blockSize)));
  if (unit.isThin) {
    put32(content, 16, UNMAP_BLOCKS_MAX);
    put32(content, 20, UNMAP_DESCRIPTORS_MAX);
    put32(content, 24, unit.unmapGranularity);
    // UGAVALID with an alignment of zero.
    put32(content, 28, 0x80000000);
  }
  put32(content, 40, atomicBlocksMax(unit));
  return content;
}

/** Blocks that WRITE ATOMIC takes at once; any alignment, any granularity, no boundary. */
export function atomicBlocksMax(unit: LogicalUnit): number {
  return Math.max(1, Math.min(unit.transferBlocksMax, Math.floor(ATOMIC_BYTES_MAX / unit.blockSize)));
}

/** SBC-4 section 6.6.2: nothing rotates, and what was erased reads without an error (WABEREQ 01b). */
function characteristics(unit: LogicalUnit): Uint8Array {
  const content = new Uint8Array(60);
  put16(content, 0, 1);
  content[3] = unit.isThin ? 0x40 : 0;
  return content;
}

/** SBC-4 section 6.6.6: UNMAP and WRITE SAME unmap, and what is unmapped reads as zeros. */
function provisioning(unit: LogicalUnit): Uint8Array {
  return Uint8Array.of(0, unit.isThin ? 0xe4 : 0, unit.isThin ? 0x02 : 0, 0);
}
