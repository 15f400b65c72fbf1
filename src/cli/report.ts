import type { Reason } from '../base/backlog.ts';
import type { UnitReport, VolumeReport } from '../unit/replay/report.ts';
import { columns, cut, paint, type Terminal } from './draw.ts';
import { countWords, durationWords, plain, sizeWords } from './draw-words.ts';

/** Ranges shown for a volume before the rest is only counted. */
const RANGES_SHOWN = 8;

const REASONS: Readonly<Record<Reason, string>> = {
  'not-written': 'a mirror could not be written',
  'no-room': 'the buffer was short of room',
  hole: 'bytes of the data are not in the capture',
  digest: 'a digest shows that the captured data is damaged',
  outcome: 'the status says that a part may have been written',
  'lost-status': 'the status is not in the capture',
  aborted: 'the command was aborted, or its connection ended',
  overlap: 'two writes were under way on the same blocks',
  effect: 'what the command wrote is not in its data',
  'cache-loss': 'the target restarted and may have lost its cache',
  'lost-command': 'a command is not in the capture',
  'unknown-command': 'an unknown command carried data out',
  unseen: 'the unit was not looking',
  'block-size': 'the block size was never seen',
  identity: 'it was not seen which logical unit was written',
};

/** The report as an operator reads it: what was seen, how each mirror stands, and what to do next. */
export function renderReport(report: UnitReport, terminal: Terminal): string {
  const lines = [...source(report, terminal)];
  for (const volume of report.volumes) lines.push('', ...volumeLines(volume, terminal));
  if (report.others.length > 0) {
    lines.push('', 'Also written, and in no configured volume:');
    for (const { lu, changes, bytesWritten } of report.others) {
      lines.push(`  ${plain(lu)}: ${amount(changes, 'change')}, ${sizeWords(bytesWritten)}`);
    }
  }
  if (report.notices.length > 0) lines.push('', 'Notices:', ...report.notices.map((text) => `  ${plain(text)}`));
  lines.push('', ...advice(report).map((text) => paint(text, 'bold', terminal)));
  return `${lines.join('\n')}\n`;
}

function source(report: UnitReport, terminal: Terminal): string[] {
  const { source, holes, buffer } = report;
  const from = source.files.length === 1 ? plain(source.files[0]) : amount(source.files.length, 'source');
  const took = durationWords(report.elapsedMs * 1e6, terminal.unicode);
  const lines = [
    `${from}: ${amount(source.frames, 'frame')}, ${sizeWords(source.bytes)}, ${amount(report.streams, 'connection')}, in ${took}`,
  ];
  for (const fault of source.faults) {
    lines.push(
      paint(
        `${plain(fault.file)}: ${plain(fault.reason)} at byte ${fault.offset}; used up to there`,
        'yellow',
        terminal,
      ),
    );
  }
  if (holes.count > 0) {
    lines.push(
      paint(
        `Missing from the capture: ${sizeWords(holes.bytes)} in ${amount(holes.count, 'hole')}`,
        'yellow',
        terminal,
      ),
    );
  }
  const short =
    buffer.falls > 0
      ? `, short of room ${times(buffer.falls)} (${durationWords(buffer.lbnOnlyNs, terminal.unicode)} with LBNs only)`
      : '';
  const waited = buffer.waits > 0 ? `, the source waited ${times(buffer.waits)}` : '';
  lines.push(`Buffer: ${sizeWords(buffer.bytes)}, at most ${sizeWords(buffer.peakBytes)} used${short}${waited}`);
  return lines;
}

function volumeLines(volume: VolumeReport, terminal: Terminal): string[] {
  const { blockSize, blocks } = volume;
  const size = blockSize === null || blocks === null ? 'size unknown' : sizeWords(blockSize * blocks);
  const format = blockSize === null ? 'block size unknown' : `blocks of ${sizeWords(blockSize)}`;
  const doubtful = volume.doubtfulChanges > 0 ? `, ${countWords(volume.doubtfulChanges)} of them in doubt` : '';
  const table = columns([
    ['  MIRROR', 'STATE', 'WRITTEN', 'READ BACK'],
    ...volume.mirrors.map(({ to, state, writtenBytes, resolvedBytes }) => [
      `  ${cut(plain(to), Math.max(20, terminal.width - 40), 'tail', terminal)}`,
      state,
      sizeWords(writtenBytes),
      sizeWords(resolvedBytes),
    ]),
  ]);
  const lines = [
    paint(plain(volume.lu), 'bold', terminal),
    `  ${size}, ${format}; ${amount(volume.changes, 'change')}${doubtful}`,
    ...table,
  ];
  for (const { to, error } of volume.mirrors) {
    if (error === undefined) continue;
    const mend = error.mend === undefined ? '' : `; ${error.mend}`;
    lines.push(paint(`  ${plain(`${to}: ${error.message}${mend}`)}`, 'red', terminal));
  }
  lines.push(...unresolvedLines(volume, terminal));
  return lines;
}

function unresolvedLines({ unresolved, reasons, blockSize }: VolumeReport, terminal: Terminal): string[] {
  if (unresolved.length === 0) return ['  unresolved: none'];
  const total = unresolved.reduce((sum, [, count]) => sum + count, 0);
  const size = sizeWords(total * (blockSize ?? 512));
  const head = `  unresolved: ${amount(total, 'block')} (${size}) in ${amount(unresolved.length, 'range')}`;
  const shown = unresolved
    .slice(0, RANGES_SHOWN)
    .map(([lbn, count]) => (count === 1 ? `${lbn}` : `${lbn}-${lbn + count - 1}`));
  if (unresolved.length > RANGES_SHOWN)
    shown.push(`${countWords(unresolved.length - RANGES_SHOWN)} more (--json lists all)`);
  const why = Object.entries(reasons)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `    ${amount(count, 'block')}: ${REASONS[reason as Reason]}`);
  return [paint(head, 'yellow', terminal), `    LBN ${shown.join(', ')}`, ...why];
}

/** What the report means, and the next step. */
function advice(report: UnitReport): string[] {
  const broken = report.volumes
    .flatMap((volume) => volume.mirrors)
    .filter(({ state }) => state === 'broken' || state === 'paused');
  const doubted = report.volumes.filter(({ unresolved }) => unresolved.length > 0);
  const lines: string[] = [];
  if (report.interrupted)
    lines.push('Stopped before the end: later writes are in no mirror. Run the same command again to the end.');
  if (broken.length > 0)
    lines.push(`${amount(broken.length, 'mirror')} could not be kept up. Mend the cause named above, then run again.`);
  const blind = doubted.filter(({ first }) => first === null);
  if (blind.length > 0) {
    lines.push(
      'Unresolved blocks may differ from the volume. Name the first volume (`"first": "file:PATH"`) to have them read back.',
    );
  }
  if (doubted.length > blind.length) {
    lines.push(
      'Some blocks could not be read back from the first volume, or their writes may still land: see above, then run again.',
    );
  }
  if (blind.some(({ reasons }) => (reasons['no-room'] ?? 0) > 0)) {
    lines.push('A larger `buffer.bytes`, or `"whenFull": "wait"`, keeps the data of changes that found no room.');
  }
  if (lines.length === 0) lines.push('Every mirror equals its volume, as far as the capture tells.');
  return lines;
}

function amount(count: number, noun: string): string {
  return `${countWords(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function times(count: number): string {
  return count === 1 ? 'once' : `${countWords(count)} times`;
}
