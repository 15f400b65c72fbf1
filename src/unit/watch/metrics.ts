import type { LatencySnapshot } from '../../stat/latency.ts';
import type { CheckedReadsStatus } from '../compare/checkedReads.ts';
import { Turns } from '../history/turns.ts';
import { certificateMetrics, verifiedMetrics } from './metricsChecks.ts';
import { faultMetrics, seenMetrics, unitFaultMetrics } from './metricsFaults.ts';
import { LatencyText } from './metricsLatency.ts';
import { type Labels, MetricsPage as Page } from './metricsPage.ts';
import { type PutMetric, serveMetrics } from './metricsServe.ts';
import type { LinkStatus, MirrorStatus, UnitStatus, VolumeStatus } from './status.ts';

/**
 * A unit's status in Prometheus' text format (requirement H2), made anew for each status. Names follow Prometheus'
 * conventions: base units, `_total` for what only grows. `volume` is an operator's name for it, or the LU. `said`: what
 * latencies were the last time, where the same reader comes again.
 */
export async function metricsText(
  status: UnitStatus,
  latencies: readonly LatencySnapshot[],
  said: LatencyText = new LatencyText(),
): Promise<string> {
  const turns = new Turns();
  const page = new Page();
  const { unit, version, since, source, buffer, volumes } = status;
  page.set('tapmirror_info', 'What runs here; always 1.', { unit, version, source: source.kind, text: source.text }, 1);
  page.set('tapmirror_start_time_seconds', 'When the unit began.', {}, Date.parse(since) / 1000);
  for (const [key, value] of Object.entries(source)) {
    if (typeof value !== 'number') continue;
    const [name, help] = SOURCE[key] ?? [`tapmirror_source_${snake(key)}`, 'Of the attachment to the bus.'];
    page.put(name, help, {}, value);
  }
  page.set('tapmirror_buffer_bytes', 'Memory for changes on their way.', {}, buffer.bytes);
  page.set('tapmirror_buffer_free_bytes', 'Of it what is free.', {}, buffer.freeBytes);
  page.set('tapmirror_buffer_lbn_only', 'Changes are kept without their data.', {}, Number(buffer.state === 'lbnOnly'));
  page.count('tapmirror_buffer_falls_total', 'How often room became short.', {}, buffer.falls);
  const put: PutMetric = (...metric) => page.put(...metric);
  certificateMetrics(status.certificates ?? [], put);
  seenMetrics(source, volumes, put);
  unitFaultMetrics(status, put);
  for (const volume of volumes) {
    volumeMetrics(page, volume);
    faultMetrics(volume, put);
    for (const mirror of volume.mirrors) {
      verifiedMetrics(mirror, { volume: volume.name ?? volume.lu, mirror: mirror.to }, put);
    }
    await turns.next();
  }
  if (status.serve) serveMetrics(status.serve, put);
  return `${await page.text(turns)}${await said.text(latencies, turns)}`;
}

/** What attachments count, by the name that it has in the status. */
const SOURCE: Readonly<Record<string, readonly [name: string, help: string]>> = {
  drops: ['tapmirror_source_drops_total', 'Frames that the capture lost.'],
  frames: ['tapmirror_source_frames_total', 'Frames that were decoded.'],
  holes: ['tapmirror_source_holes_total', 'Runs of bytes that were on the bus and not seen.'],
  holeBytes: ['tapmirror_source_hole_bytes_total', 'Bytes that were on the bus and not seen.'],
  iscsiStreams: ['tapmirror_source_iscsi_streams_total', 'Connections that carried iSCSI.'],
  accepted: ['tapmirror_source_accepted_total', 'Connections of hosts that were accepted.'],
  connections: ['tapmirror_source_connections', 'Connections of hosts that stand.'],
};

const STATES = ['equal', 'behind', 'copying', 'repairing', 'paused', 'broken'] as const;

function volumeMetrics(page: Page, status: VolumeStatus): void {
  const volume = { volume: status.name ?? status.lu };
  page.set(
    'tapmirror_volume_capacity_bytes',
    'As it was learned; 0: unknown.',
    volume,
    (status.blocks ?? 0) * (status.blockSize ?? 0),
  );
  page.count('tapmirror_volume_changes_total', 'Completed writes that were seen.', volume, status.changes);
  page.count('tapmirror_volume_barriers_total', 'SYNCHRONIZE CACHE commands that were seen.', volume, status.barriers);
  page.set('tapmirror_volume_open_writes', 'Writes that are under way.', volume, status.openWrites);
  if (status.first.state !== 'none') {
    page.set(
      'tapmirror_first_up',
      'Whether the first volume can be read.',
      volume,
      Number(status.first.state === 'up'),
    );
  }
  const { checkedReads } = status;
  if (checkedReads !== undefined) checkedReadsMetrics(page, volume, checkedReads);
  for (const mirror of status.mirrors) mirrorMetrics(page, { ...volume, mirror: mirror.to }, mirror);
  const { received } = status;
  if (received === undefined) return;
  page.set(
    'tapmirror_received_consistent',
    'Whether the newest moment is one that the first volume had.',
    volume,
    Number(received.consistent),
  );
  page.set(
    'tapmirror_received_sender_connected',
    'Whether its sender is connected.',
    volume,
    Number(received.sender !== null),
  );
  page.count(
    'tapmirror_received_bytes_total',
    'Bytes from the sender that is connected.',
    volume,
    received.sender?.receivedBytes ?? 0,
  );
  page.set(
    'tapmirror_received_waiting_bytes',
    'Of entries that wait to be applied.',
    volume,
    received.sender?.waitingBytes ?? 0,
  );
  const { history } = received;
  if (history === null) return;
  page.set('tapmirror_history_bytes', 'Of the queue.', volume, history.bytes);
  page.set('tapmirror_history_entries', 'In the queue.', volume, history.entries);
  page.set('tapmirror_history_bookmarks', 'In the kept window.', volume, history.bookmarks);
  for (const which of ['oldest', 'newest'] as const) {
    const { at } = history[which];
    const help = `The ${which} moment that is kept.`;
    if (at !== null) page.set(`tapmirror_history_${which}_time_seconds`, help, volume, Date.parse(at) / 1000);
  }
}

function checkedReadsMetrics(page: Page, volume: Labels, checked: CheckedReadsStatus): void {
  const { blocks, differences, unconfirmed, skipped } = checked;
  page.count(
    'tapmirror_checked_read_blocks_total',
    "Blocks of reads compared with a mirror's checksums.",
    volume,
    blocks,
  );
  page.count(
    'tapmirror_checked_read_differences_total',
    'Of them those that differ on both sides.',
    volume,
    differences,
  );
  page.count(
    'tapmirror_checked_read_unconfirmed_total',
    'Of them those that did not fit and were found equal, or never at rest.',
    volume,
    unconfirmed,
  );
  page.count('tapmirror_checked_reads_skipped_total', 'Reads that were too many to be compared.', volume, skipped);
}

function mirrorMetrics(page: Page, labels: Labels, mirror: MirrorStatus): void {
  const { state, progress, record, link } = mirror;
  for (const one of STATES) {
    page.set(
      'tapmirror_mirror_state',
      'The state that it is in is 1, the others are 0.',
      { ...labels, state: one },
      Number(one === state),
    );
  }
  page.set(
    'tapmirror_mirror_state_since_seconds',
    'Since when it is in its state.',
    labels,
    Date.parse(mirror.since) / 1000,
  );
  page.set(
    'tapmirror_mirror_behind_bytes',
    'Bytes that it does not have yet, or may not have right.',
    labels,
    mirror.behindBytes,
  );
  if (mirror.lag !== undefined) {
    page.set('tapmirror_mirror_lag_changes', 'Changes that it has not taken yet.', labels, mirror.lag.changes);
    page.set(
      'tapmirror_mirror_recovery_point_seconds',
      'How old the oldest change is that it may lack.',
      labels,
      mirror.lag.seconds,
    );
  }
  page.set(
    'tapmirror_mirror_unresolved_bytes',
    'Bytes that are to be read back from the first volume.',
    labels,
    mirror.unresolvedBytes,
  );
  page.count('tapmirror_mirror_written_bytes_total', 'Bytes written for changes.', labels, mirror.writtenBytes);
  page.count(
    'tapmirror_mirror_compared_bytes_total',
    'Bytes compared with the first volume.',
    labels,
    mirror.comparedBytes,
  );
  page.count('tapmirror_mirror_copied_bytes_total', 'Bytes that differed and were copied.', labels, mirror.copiedBytes);
  page.set('tapmirror_mirror_job_done_bytes', 'Of copying or repairing.', labels, progress?.done ?? 0);
  page.set(
    'tapmirror_mirror_job_total_bytes',
    'Of copying or repairing; 0: none is under way, or it is unknown.',
    labels,
    progress?.total ?? 0,
  );
  page.set(
    'tapmirror_mirror_record_marked_chunks',
    'Chunks of the stored record that are marked.',
    labels,
    record.marked,
  );
  page.set(
    'tapmirror_mirror_record_chunk_bytes',
    'Bytes that one mark of the record stands for.',
    labels,
    record.chunkBytes,
  );
  if (link !== undefined) linkMetrics(page, labels, link);
}

function linkMetrics(page: Page, labels: Labels, link: LinkStatus): void {
  page.set('tapmirror_link_connected', 'Whether the far unit is connected.', labels, Number(link.connected));
  page.set('tapmirror_link_paused', 'Whether the far end can take no more.', labels, Number(link.paused !== undefined));
  page.count('tapmirror_link_entries_total', 'Entries given to the link.', labels, link.appended);
  page.count(
    'tapmirror_link_durable_entries_total',
    'Of them those that are durable at the far end.',
    labels,
    link.durable,
  );
  page.set(
    'tapmirror_link_waiting_bytes',
    'Of entries that are not durable at the far end yet.',
    labels,
    link.waitingBytes,
  );
  page.count('tapmirror_link_wire_bytes_total', 'Bytes sent, as they travel.', labels, link.wireBytes);
  page.count(
    'tapmirror_link_entry_bytes_total',
    'Bytes sent, before zeros were left out and compression.',
    labels,
    link.entryBytes,
  );
  page.count(
    'tapmirror_link_elided_bytes_total',
    'Bytes not sent, as they were written over while they waited.',
    labels,
    link.elidedBytes ?? 0,
  );
  page.count('tapmirror_link_reconnects_total', 'Times that it connected again.', labels, link.reconnects);
  if (link.roundTripMs !== undefined) {
    page.set('tapmirror_link_round_trip_seconds', 'To the far unit and back.', labels, link.roundTripMs / 1000);
  }
  if (link.clockMs !== undefined) {
    page.set('tapmirror_link_clock_ahead_seconds', "The far unit's clock before ours.", labels, link.clockMs / 1000);
  }
}

function snake(words: string): string {
  return words.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^a-z0-9_]/g, '_');
}
