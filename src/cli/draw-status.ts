import type { LinkBeyond } from '../../parsers/formats/linkBeyond.ts';
import type { CheckedReadsStatus } from '../unit/compare/checkedReads.ts';
import type { VerifiedStatus } from '../unit/compare/verifyTypes.ts';
import type { ChangedStatus } from '../unit/steer/mirrorChangesTypes.ts';
import { changedWords } from '../unit/steer/mirrorChangesWords.ts';
import { type CertificateStatus, certificateEnd, certificateWords } from '../unit/watch/certificates.ts';
import type {
  ErrorWords,
  LinkStatus,
  MirrorStatus,
  ReceivedStatus,
  UnitStatus,
  VolumeStatus,
} from '../unit/watch/status.ts';
import { columns, cut, paint, type Terminal } from './draw.ts';
import { countWords, durationWords, plain, shareWords, sizeWords } from './draw-words.ts';

/** Columns that the other cells of a mirror's row take. */
const CELLS_WIDTH = 48;

const NO_MORE: MirrorColumns = { heads: [], cells: () => [], width: 0 };

/** Further columns of a mirror's row. */
export interface MirrorColumns {
  heads: readonly string[];
  cells: (lu: string, mirror: MirrorStatus) => readonly string[];
  /** Columns of the terminal that they take. */
  width: number;
}

/** How a unit stands, as an operator reads it: each mirror a row, what is wrong below it, and what to do next. */
export function drawStatus(
  status: UnitStatus,
  terminal: Terminal,
  nowMs: number,
  served: readonly string[] = [],
  more: MirrorColumns = NO_MORE,
): string {
  const { source, receive, since, version, unit, buffer, certificates = [], volumes, notices } = status;
  const { changedMirrors = [] } = status;
  const places = source.kind === 'links' || receive === undefined ? [source.text] : [source.text, receive.text];
  const lines = [
    cut(`${plain(places.join('; '))}, up ${ageWords(since, nowMs)}`, terminal.width, 'head', terminal),
    `unit ${plain(unit)}, version ${plain(version)}`,
    ...(source.kind === 'probe' ? [probeLine(source, terminal)] : []),
    ...(source.error ? [errorLine('the source', source.error, terminal)] : []),
    ...(source.kind === 'links' ? [] : [bufferLine(buffer, terminal)]),
    ...certificates.flatMap((one) => certificateLines(one, terminal, nowMs)),
  ];
  for (const volume of volumes) lines.push('', ...volumeLines(volume, terminal, nowMs, more));
  if (changedMirrors.length > 0) lines.push('', ...changedMirrors.map((one) => changedLine(one, terminal)));
  if (served.length > 0) lines.push('', ...served);
  if (notices.length > 0) lines.push('', 'Last notices:', ...notices.map((text) => `  ${plain(text)}`));
  if (volumes.length > 0 || served.length === 0) lines.push('', paint(advice(volumes), 'bold', terminal));
  return `${lines.join('\n')}\n`;
}

/** How the probe is, and why its data is left out where it is. */
function probeLine({ state, probe, headerOnly, why, holes }: UnitStatus['source'], terminal: Terminal): string {
  const { name, firmware } = (probe ?? {}) as { name?: string; firmware?: string };
  const who = name === undefined ? 'the probe' : `${plain(name)} ${plain(firmware ?? '')}`;
  if (state !== 'capturing')
    return paint(`${who} is not heard (${plain(String(state))}): nothing is copied`, 'red', terminal);
  const reason = typeof why === 'string' && why !== '' ? `, as ${plain(why)}` : '';
  const mode = headerOnly === true ? `sends headers only${reason}: data is read from the first volumes` : 'sends data';
  const gaps =
    typeof holes === 'number' && holes > 0 ? `; ${countWords(holes)} ${holes === 1 ? 'hole' : 'holes'} so far` : '';
  return paint(`${who} ${mode}${gaps}`, headerOnly === true ? 'yellow' : 'dim', terminal);
}

function bufferLine({ bytes, freeBytes, state, falls, error }: UnitStatus['buffer'], terminal: Terminal): string {
  const free = bytes > 0 ? `, ${shareWords(freeBytes / bytes)} free` : '';
  const lbnOnly = state === 'lbnOnly' ? 'short of room: changes are kept by their LBNs and read back later' : undefined;
  const words = error?.message ?? lbnOnly;
  const short = words === undefined ? '' : `; ${plain(words)}`;
  const before = falls > 0 ? `; was short of room ${falls === 1 ? 'once' : `${countWords(falls)} times`}` : '';
  return paint(`buffer ${sizeWords(bytes)}${free}${short || before}`, short === '' ? 'dim' : 'yellow', terminal);
}

function volumeLines(volume: VolumeStatus, terminal: Terminal, nowMs: number, more: MirrorColumns): string[] {
  const { lu, name, first, mirrors, received } = volume;
  const title = name === undefined || name === lu ? plain(lu) : `${plain(name)}: ${plain(lu)}`;
  const rows = columns([
    ['  MIRROR', 'STATE', 'BEHIND', 'PROGRESS', 'SINCE', ...more.heads],
    ...mirrors.map((mirror) => [
      `  ${cut(plain(mirror.to), Math.max(20, terminal.width - CELLS_WIDTH - more.width), 'tail', terminal)}`,
      plain(mirror.state),
      sizeWords(mirror.behindBytes),
      progressWords(mirror),
      ageWords(mirror.since, nowMs),
      ...more.cells(lu, mirror),
    ]),
  ]);
  const lines = [
    paint(title, 'bold', terminal),
    ...(received ? receivedLines(received, nowMs) : [`  ${mediumWords(volume)}`]),
  ];
  if (first.error !== undefined) lines.push(errorLine(`first volume ${first.url}`, first.error, terminal));
  if (volume.checkedReads) lines.push(checkedReadsLine(volume.checkedReads, terminal));
  lines.push(rows[0]);
  mirrors.forEach(({ state, error, link, blockTable, verified }, i) => {
    const loud = state === 'broken' ? 'red' : state === 'paused' ? 'yellow' : undefined;
    lines.push(loud === undefined ? rows[i + 1] : paint(rows[i + 1], loud, terminal));
    if (error !== undefined) lines.push(errorLine('', error, terminal));
    if (link !== undefined) lines.push(paint(`    ${linkWords(link, nowMs)}`, 'dim', terminal));
    lines.push(...beyondLines(link?.beyond ?? [], terminal));
    const { currentBytes = 0, bytes = 0 } = blockTable ?? {};
    if (currentBytes < bytes) {
      lines.push(paint(`    block table: ${shareWords(currentBytes / bytes)} known`, 'dim', terminal));
    }
    if (verified !== undefined) lines.push(verifiedLine(verified, terminal, nowMs));
  });
  return lines;
}

/** Only of those that are soon over. */
function certificateLines(certificate: CertificateStatus, terminal: Terminal, nowMs: number): string[] {
  const end = certificateEnd(certificate, nowMs);
  if (end === 'far') return [];
  return [paint(plain(certificateWords(certificate, end)), end === 'soon' ? 'yellow' : 'red', terminal)];
}

/** The unit is other than its configuration says. */
function changedLine(changed: ChangedStatus, terminal: Terminal): string {
  const { words, mend } = changedWords(changed);
  return paint(plain(`${words}; ${mend}`), 'yellow', terminal);
}

function verifiedLine(verified: VerifiedStatus, terminal: Terminal, nowMs: number): string {
  const { at, comparedBytes, differingBytes } = verified;
  const found = differingBytes === 0 ? 'nothing differed' : `${sizeWords(differingBytes)} differed`;
  const line = `    compared ${ageWords(at, nowMs)} ago: ${found} of ${sizeWords(comparedBytes)}`;
  return paint(line, differingBytes === 0 ? 'dim' : 'red', terminal);
}

function checkedReadsLine({ blocks, differences }: CheckedReadsStatus, terminal: Terminal): string {
  const found = differences === 0 ? 'none differed' : `${countWords(differences)} differed`;
  const line = `  checked reads: ${blocks === 1 ? '1 block' : `${countWords(blocks)} blocks`}, ${found}`;
  return paint(line, differences === 0 ? 'dim' : 'yellow', terminal);
}

function linkWords(link: LinkStatus, nowMs: number): string {
  const { connected, since, peer, remote, waitingBytes, roundTripMs, reconnects, paused, lastFault, copyOut } = link;
  const { elidedBytes = 0 } = link;
  const age = ageWords(since, nowMs);
  const words = connected
    ? [`link to ${plain(peer)} at ${plain(remote)} for ${age}`]
    : [`no link for ${age}${lastFault === undefined ? '' : `: ${plain(lastFault)}`}`];
  if (paused !== undefined) words.push(`the far end waits: ${plain(paused)}`);
  if (waitingBytes > 0) words.push(`${sizeWords(waitingBytes)} on the way`);
  if (copyOut !== undefined && copyOut.entries > 0) {
    const held = copyOut.heldBytes > 0 ? ` and ${sizeWords(copyOut.heldBytes)} of temporary storage` : '';
    words.push(`${countWords(copyOut.entries)} changes lie in the local mirror${held}`);
  }
  if (connected && roundTripMs !== undefined) words.push(`round trip ${durationWords(roundTripMs * 1e6, false)}`);
  if (elidedBytes > 0) words.push(`${sizeWords(elidedBytes)} written over before they were sent`);
  if (reconnects > 0) words.push(`made anew ${reconnects === 1 ? 'once' : `${countWords(reconnects)} times`}`);
  return words.join('; ');
}

/** The far end's own mirrors, and what is beyond those. */
function beyondLines(beyond: readonly LinkBeyond[], terminal: Terminal, indent = '      '): string[] {
  return beyond.flatMap(({ to, state, behindBytes, why, peer, beyond: further = [] }) => {
    const behind = state === 'equal' || behindBytes === 0 ? '' : `, ${sizeWords(behindBytes)} behind`;
    const name = peer === undefined ? plain(to) : `${plain(to)} at ${plain(peer)}`;
    const words = `${indent}there ${name}: ${plain(state)}${behind}${why === undefined ? '' : `: ${plain(why)}`}`;
    return [
      paint(words, why === undefined ? 'dim' : 'yellow', terminal),
      ...beyondLines(further, terminal, `${indent}  `),
    ];
  });
}

function receivedLines({ bytes, consistent, history, sender }: ReceivedStatus, nowMs: number): string[] {
  const from =
    sender === null
      ? 'no sender is connected'
      : `from ${plain(sender.peer)} at ${plain(sender.remote)} for ${ageWords(sender.since, nowMs)}`;
  const lines = [`  ${sizeWords(bytes)}; ${from}; ${consistent ? 'consistent' : 'not consistent yet'}`];
  if (history === null) return [...lines, '  no past is kept'];
  const { oldest, newest, bookmarks } = history;
  if (newest.at === null) return [...lines, '  nothing has come yet'];
  const back = oldest.at === null ? 'from the beginning' : `from ${plain(oldest.at.slice(0, 19))}Z`;
  const marks = bookmarks === 1 ? '1 bookmark' : `${countWords(bookmarks)} bookmarks`;
  return [...lines, `  past ${back} to ${plain(newest.at.slice(0, 19))}Z, ${sizeWords(history.bytes)}, ${marks}`];
}

function mediumWords({ blockSize, blocks, first, changes, openWrites }: VolumeStatus): string {
  const size = blockSize === null || blocks === null ? 'size unknown' : sizeWords(blockSize * blocks);
  const format = blockSize === null ? 'block size unknown' : `blocks of ${sizeWords(blockSize)}`;
  const words = [
    `${size}, ${format}`,
    first.state === 'none' ? 'no first volume named' : `first volume ${first.state}`,
  ];
  words.push(`${countWords(changes)} ${changes === 1 ? 'change' : 'changes'}`);
  if (openWrites > 0) words.push(`${countWords(openWrites)} ${openWrites === 1 ? 'write' : 'writes'} under way`);
  return words.join('; ');
}

function errorLine(what: string, { message, mend }: ErrorWords, terminal: Terminal): string {
  const advice = mend === undefined ? '' : `; ${mend}`;
  return paint(`    ${plain(`${what === '' ? '' : `${what}: `}${message}${advice}`)}`, 'red', terminal);
}

function progressWords({ progress }: MirrorStatus): string {
  if (progress === undefined) return '';
  const { done, total } = progress;
  return total > 0 ? `${shareWords(Math.min(1, done / total))} of ${sizeWords(total)}` : sizeWords(done);
}

function advice(volumes: readonly VolumeStatus[]): string {
  const mirrors = volumes.flatMap((volume) => volume.mirrors);
  const bad = mirrors.filter(({ state }) => state === 'broken' || state === 'paused').length;
  if (bad > 0) return `${mirrorsAre(bad)} not kept up. Mend the cause named above; the unit then goes on by itself.`;
  const late = mirrors.filter(({ state }) => state !== 'equal').length;
  if (late > 0) return `${mirrorsAre(late)} on the way to equal; nothing needs to be done.`;
  return 'Every mirror equals its volume.';
}

function mirrorsAre(count: number): string {
  return count === 1 ? '1 mirror is' : `${countWords(count)} mirrors are`;
}

/** How long it has been since an ISO 8601 time: `12 s`, `3 min`, `2 h 5 min`, `3 d 4 h`; `-` for what is no time. */
export function ageWords(since: string, nowMs: number): string {
  const ms = nowMs - Date.parse(since);
  if (Number.isNaN(ms)) return '-';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(`${hours} h`, minutes % 60, 'min');
  return joined(`${countWords(Math.floor(hours / 24))} d`, hours % 24, 'h');
}

function joined(whole: string, rest: number, unit: string): string {
  return rest === 0 ? whole : `${whole} ${rest} ${unit}`;
}
