import {
  putInquiry,
  putModeSense6,
  putModeSense10,
  putReadCapacity10,
  putReadCapacity16,
  putReportLuns,
  putReportSupported,
  putTestUnitReady,
} from '../../../parsers/scsi/build.ts';
import { type Capacity, parseCapacity10, parseCapacity16 } from '../../../parsers/scsi/capacity.ts';
import { parseDesignators } from '../../../parsers/scsi/designator.ts';
import {
  type Inquiry,
  parseBlockLimits,
  parseExactSerial,
  parseInquiry,
  parseProvisioning,
  vpdPage,
} from '../../../parsers/scsi/inquiry.ts';
import { lunListWords } from '../../../parsers/scsi/lun.ts';
import { type ModeData, parseModeSense6, parseModeSense10 } from '../../../parsers/scsi/mode.ts';
import { parseSupported } from '../../../parsers/scsi/supported.ts';
import { Fault, isParseFault, type ParseFault } from '../../base/fault.ts';
import type { LuUrl } from '../../base/luUrl.ts';
import type { LuFacts } from '../../iscsi/lu/facts.ts';
import { CommandFault } from '../../iscsi/lu/verdict.ts';
import type { LuSession } from './luSession.ts';

/** Direct access, reduced block and host-managed zoned devices: what READ(10) and WRITE(10) mean the same to. */
const BLOCK_TYPES = [0x00, 0x07, 0x0e];
/** No LU in use has larger blocks; a buffer of one is needed here and there. */
const BLOCK_SIZE_MAX = 1024 * 1024;
const NO_SUCH_LU = 0x25;
const LUN_0 = new Uint8Array(8);

/** Waits until the LU answers; rejects where it is not there or not ready. */
export async function luReady(session: LuSession, url: LuUrl): Promise<void> {
  try {
    await session.ask(putTestUnitReady);
  } catch (error) {
    if (error instanceof CommandFault && error.sense?.asc === NO_SUCH_LU) throw await noSuchLu(session, url);
    throw error;
  }
}

/** Asks an LU what it is (SPC-5 and SBC-4); nothing is changed by it. */
export async function probeLu(session: LuSession, url: LuUrl): Promise<LuFacts> {
  await luReady(session, url);
  const inquiry = await inquire(session, url);
  const pages = (await vpd(session, 0x00, (bytes) => vpdList(bytes))) ?? [];
  const page = async <T>(code: number, parse: Parser<T>): Promise<T | undefined> =>
    pages.includes(code) ? vpd(session, code, parse) : undefined;
  const serial = await page(0x80, parseExactSerial);
  const designators = (await page(0x83, parseDesignators)) ?? [];
  const limits = await page(0xb0, parseBlockLimits);
  const provisioning = await page(0xb2, parseProvisioning);
  const capacity = await readLuCapacity(session);
  return { inquiry, serial, designators, limits, provisioning, capacity, mode: await modeOf(session) };
}

/** READ CAPACITY(16), or (10) where the target has no other. */
export async function readLuCapacity(session: LuSession): Promise<Capacity> {
  const long = await optional(session.ask((cdb) => putReadCapacity16(cdb, 32), { into: new Uint8Array(32) }));
  const capacity = long
    ? parseCapacity16(long, 0, long.length)
    : await session
        .ask(putReadCapacity10, { into: new Uint8Array(8) })
        .then((bytes) => parseCapacity10(bytes, 0, bytes.length));
  if (isParseFault(capacity)) throw nonsense(session, capacity);
  const { blockSize, blocks } = capacity;
  if (blockSize > BLOCK_SIZE_MAX || blocks === 0 || blocks * blockSize > Number.MAX_SAFE_INTEGER) {
    throw new Fault('peer', `${session.remote}: an LU of ${blocks} blocks of ${blockSize} bytes cannot be used`);
  }
  return capacity;
}

/** What REPORT SUPPORTED OPERATION CODES says of an opcode; undefined where it does not say. */
export async function luSupports(session: LuSession, opcode: number): Promise<boolean | undefined> {
  const bytes = await optional(session.ask((cdb) => putReportSupported(cdb, opcode, 64), { into: new Uint8Array(64) }));
  return bytes && parseSupported(bytes, 0, bytes.length);
}

type Parser<T> = (bytes: Uint8Array, offset: number, length: number) => T | ParseFault;

async function inquire(session: LuSession, url: LuUrl): Promise<Inquiry> {
  const bytes = await session.ask((cdb) => putInquiry(cdb, undefined, 96), { into: new Uint8Array(96) });
  const inquiry = parseInquiry(bytes, 0, bytes.length);
  if (isParseFault(inquiry)) throw nonsense(session, inquiry);
  if (inquiry.peripheralQualifier !== 0) throw await noSuchLu(session, url);
  if (BLOCK_TYPES.includes(inquiry.peripheralType)) return inquiry;
  const type = inquiry.peripheralType.toString(16).toUpperCase().padStart(2, '0');
  const what = `${session.remote}: LUN ${url.lun} of ${url.target} is no disk (peripheral device type ${type}h)`;
  throw new Fault('local', what, await mendByLuns(session));
}

/** A VPD page; undefined where the LU has none, or answers with something else. */
async function vpd<T>(session: LuSession, page: number, parse: Parser<T>): Promise<T | undefined> {
  const bytes = await optional(session.ask((cdb) => putInquiry(cdb, page, 1024), { into: new Uint8Array(1024) }));
  const value = bytes && parse(bytes, 0, bytes.length);
  return value === undefined || isParseFault(value) ? undefined : value;
}

function vpdList(bytes: Uint8Array): number[] | ParseFault {
  const page = vpdPage(bytes, 0, bytes.length, 0x00);
  return isParseFault(page) ? page : [...bytes.subarray(page.from, page.to)];
}

/** What the caching page says; undefined where there is none, or while somebody's reservation keeps it (SPC-5 table 66). */
export async function modeOf(session: LuSession): Promise<ModeData | undefined> {
  const page = 0x08;
  const short = await optional(session.ask((cdb) => putModeSense6(cdb, page, 255), { into: new Uint8Array(255) }));
  if (short) return sensible(parseModeSense6(short, 0, short.length));
  const long = await optional(session.ask((cdb) => putModeSense10(cdb, page, 512), { into: new Uint8Array(512) }));
  return long && sensible(parseModeSense10(long, 0, long.length));
}

/** Undefined where the target does not have the command, or a reservation keeps others from it. */
async function optional(answer: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CommandFault && (error.unsupported || error.reserved)) return undefined;
    throw error;
  }
}

async function noSuchLu(session: LuSession, url: LuUrl): Promise<Fault> {
  const what = `${session.remote}: ${url.target} has no LUN ${url.lun}, or not for this initiator`;
  return new Fault('local', what, await mendByLuns(session));
}

/** The LUNs that there are: usually the mend is to name another. */
async function mendByLuns(session: LuSession): Promise<string> {
  const into = new Uint8Array(1032);
  const report = session.ask((cdb) => putReportLuns(cdb, into.length), { into, lun: LUN_0 });
  const luns = await report.then(
    (bytes) => lunListWords(bytes, 0, bytes.length),
    () => [],
  );
  return luns.length === 0 ? 'see how the target maps its LUs' : `the target has these LUNs: ${luns.join(', ')}`;
}

function sensible<T>(value: T | ParseFault): T | undefined {
  return isParseFault(value) ? undefined : value;
}

function nonsense(session: LuSession, { reason, offset }: ParseFault): Fault {
  return new Fault('peer', `${session.remote}: ${reason} (byte ${offset})`);
}
