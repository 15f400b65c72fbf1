import { askControl } from '../../../hw/controlClient.ts';
import { NoAnswer } from '../../../hw/controlWire.ts';
import { packageVersion } from '../../../hw/version.ts';
import { Fault } from '../../base/fault.ts';
import type { LiveConfig } from '../config/configTypes.ts';
import type { UnitStatus } from '../watch/status.ts';
import { about, type Finding } from './doctorTypes.ts';

/** Clocks that are less far apart are told, and no fault. */
const CLOCKS_APART_MS = 1000;

/** What changed on one side only. */
const DIFFERING =
  '`tapmirror verify --repair` makes it equal; look for a way to the volume that is not tapped, and at the disks';

/** Whether the unit of this configuration runs, and how it says that it stands; undefined where none answers. */
export async function askUnit({ control }: LiveConfig): Promise<{ finding: Finding; status?: UnitStatus }> {
  const one = about('unit', control);
  try {
    const status = (await askControl(control, { do: 'status' }, 5000)) as UnitStatus;
    const own = packageVersion();
    const words = `it runs since ${status.since}, version ${status.version}`;
    if (status.version === own) return { finding: one.ok(words), status };
    const mend = 'start the unit again: it then runs what is installed';
    return { finding: one.warn(`${words}, while version ${own} is installed`, mend), status };
  } catch (error) {
    if (error instanceof NoAnswer) return { finding: one.ok('no unit runs with this configuration') };
    if (!(error instanceof Fault)) throw error;
    return { finding: one.fail(error.message, error.mend ?? 'see the log of the unit') };
  }
}

/** What a running unit says is wrong, in its own words. */
export function lookAtStatus(status: UnitStatus): Finding[] {
  return [...drops(status), ...buffer(status), ...status.volumes.flatMap(volumeFindings), ...farUnits(status)];
}

function drops({ source }: UnitStatus): Finding[] {
  const {
    drops: told,
    level,
    holes = 0,
    holeBytes = 0,
  } = source as UnitStatus['source'] & {
    drops?: { kernel: number; interface: number; own: number };
    level?: string;
    holes?: number;
    holeBytes?: number;
  };
  const one = about('drops', source.text);
  const found: Finding[] = [];
  if (told !== undefined) {
    const { kernel, interface: card, own } = told;
    const words = `since it began the kernel dropped ${kernel} frames, interfaces ${card}, the unit ${own}`;
    const mend = 'a larger source.tap.bufferBytes, a narrower source.tap.portals, or a faster machine';
    found.push(kernel + card + own > 0 ? one.warn(words, mend) : one.ok(words));
  }
  if (level !== undefined && level !== 'full') {
    const words = `the tap is at the level "${level}": it cannot keep up with the bus`;
    found.push(one.warn(words, 'give the unit more processor time, or the tap less traffic'));
  }
  if (holes > 0) {
    const mend = 'see that the mirror port is not overbooked, and that the tap sees both directions';
    found.push(one.warn(`${holes} runs of bytes (${holeBytes} bytes) were on the bus and not seen`, mend));
  }
  return found;
}

function buffer({ buffer: { falls, bytes } }: UnitStatus): Finding[] {
  if (falls === 0) return [];
  const words = `the buffer of ${bytes} bytes became short ${falls} times: changes are read back from the first volume`;
  return [about('space', 'buffer').warn(words, 'a larger buffer.bytes, or faster mirrors')];
}

/** What units at the other ends of links have said of themselves. */
interface FarUnit {
  /** The link, or who sends. */
  subject: string;
  version: string;
  clockMs?: number | undefined;
  /** How long what they say is on its way at most. */
  roundTripMs?: number | undefined;
}

/** Versions at both ends of each link, and clocks: moments of the past are told by the clock of the unit at the bus. */
function farUnits({ version: own, volumes }: UnitStatus): Finding[] {
  const met = new Map<string, FarUnit>();
  for (const { mirrors, received } of volumes) {
    for (const { to, link } of mirrors) {
      if (link?.connected !== true || link.version === undefined) continue;
      const { version, clockMs, roundTripMs } = link;
      met.set(to, { subject: to, version, clockMs, roundTripMs });
    }
    const { peer = '', remote = '', version, clockMs } = received?.sender ?? {};
    const subject = `from ${peer === '' ? remote : peer}`;
    if (version !== undefined) met.set(subject, { subject, version, clockMs });
  }
  return [...met.values()].flatMap((far) => [versionFinding(far, own), ...clockFinding(far)]);
}

function versionFinding({ subject, version }: FarUnit, own: string): Finding {
  const one = about('link', subject);
  if (version === own) return one.ok(`the unit there runs version ${version}, as this one`);
  const mend = 'install the same version at both ends: what only one of them knows is left out';
  return one.warn(`the unit there runs version ${version}, and this one ${own}`, mend);
}

function clockFinding({ subject, clockMs, roundTripMs = 0 }: FarUnit): Finding[] {
  if (clockMs === undefined) return [];
  const one = about('clock', subject);
  const off = Math.abs(clockMs);
  const words = `the clock there is ${off < 1000 ? `${Math.round(off)} ms` : `${(off / 1000).toFixed(1)} s`} ${clockMs < 0 ? 'behind' : 'ahead of'} this one`;
  if (off <= CLOCKS_APART_MS + roundTripMs) return [one.ok(words)];
  const mend = 'let chrony, systemd-timesyncd or ntpd keep both: moments of the past and certificates go by them';
  return [one.warn(words, mend)];
}

function volumeFindings({ lu, name, first, mirrors, checkedReads }: UnitStatus['volumes'][number]): Finding[] {
  const found: Finding[] = [];
  const volume = name ?? lu;
  if (first.state === 'down') {
    const { message, mend } = first.error ?? { message: 'it cannot be read' };
    found.push(about('volume', first.url).fail(`${volume}: ${message}`, mend ?? 'bring the first volume back'));
  }
  if (checkedReads !== undefined && checkedReads.differences > 0) {
    const words = `${checkedReads.differences} blocks that hosts read differed from a mirror since the unit began`;
    found.push(about('volume', volume).warn(words, DIFFERING));
  }
  for (const { to, state, error, link, unresolvedBytes, verified } of mirrors) {
    const one = about(link === undefined ? 'volume' : 'link', to);
    if (verified !== undefined && verified.differingBytes > 0) {
      const words = `${volume}: ${verified.differingBytes} bytes differed when it was compared, at ${verified.at}`;
      found.push(one.warn(words, DIFFERING));
    }
    if (state === 'broken' || state === 'paused') {
      const words = `${volume}: the mirror is ${state}${error ? `: ${error.message}` : ''}`;
      const mend = error?.mend ?? 'see `tapmirror status`';
      found.push(state === 'broken' ? one.fail(words, mend) : one.warn(words, mend));
    } else if (link !== undefined && !link.connected) {
      found.push(one.warn(`${volume}: not connected: ${link.lastFault ?? 'no answer yet'}`, 'look at the far unit'));
    } else if (link?.paused !== undefined) {
      found.push(one.warn(`${volume}: the far end takes nothing: ${link.paused}`, 'mend it at the far unit'));
    } else if (unresolvedBytes > 0 && first.state === 'none') {
      const words = `${volume}: ${unresolvedBytes} bytes are unresolved, and there is no first volume to read them from`;
      found.push(one.warn(words, 'name the `first` volume'));
    }
  }
  return found;
}
