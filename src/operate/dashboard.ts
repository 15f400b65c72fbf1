/** A panel of the dashboard: one query a line, `{{label}}` in legends. */
interface Panel {
  title: string;
  kind: 'stat' | 'timeseries' | 'table';
  unit: string;
  queries: readonly (readonly [expression: string, legend: string])[];
  width: 6 | 8 | 12 | 24;
}

const VOLUME = '{job="tapmirror", instance=~"$instance"}';

/** All panels, from what needs somebody to what explains it. */
const PANELS: readonly Panel[] = [
  {
    title: 'What is wrong now',
    kind: 'table',
    unit: 'none',
    queries: [[`tapmirror_fault${VOLUME}`, '']],
    width: 24,
  },
  {
    title: 'Mirrors that are not equal',
    kind: 'stat',
    unit: 'none',
    queries: [[`sum(tapmirror_mirror_state{job="tapmirror", instance=~"$instance", state!="equal"}) or vector(0)`, '']],
    width: 6,
  },
  {
    title: 'Oldest recovery point',
    kind: 'stat',
    unit: 's',
    queries: [[`max(tapmirror_mirror_recovery_point_seconds${VOLUME})`, '']],
    width: 6,
  },
  {
    title: 'Unresolved',
    kind: 'stat',
    unit: 'bytes',
    queries: [[`sum(tapmirror_mirror_unresolved_bytes${VOLUME})`, '']],
    width: 6,
  },
  {
    title: 'Links that are not connected',
    kind: 'stat',
    unit: 'none',
    queries: [[`count(tapmirror_link_connected${VOLUME} == 0) or vector(0)`, '']],
    width: 6,
  },
  {
    title: 'Differed when it was compared last',
    kind: 'stat',
    unit: 'bytes',
    queries: [[`max(tapmirror_verify_differing_bytes${VOLUME})`, '']],
    width: 8,
  },
  {
    title: 'Blocks that differed when hosts read them, in a day',
    kind: 'stat',
    unit: 'none',
    queries: [[`sum(increase(tapmirror_checked_read_differences_total${VOLUME}[1d]))`, '']],
    width: 8,
  },
  {
    title: 'First certificate ends in',
    kind: 'stat',
    unit: 's',
    queries: [[`min(tapmirror_certificate_end_time_seconds${VOLUME}) - time()`, '']],
    width: 8,
  },
  {
    title: 'Recovery point',
    kind: 'timeseries',
    unit: 's',
    queries: [[`tapmirror_mirror_recovery_point_seconds${VOLUME}`, '{{volume}} {{mirror}}']],
    width: 12,
  },
  {
    title: 'Behind',
    kind: 'timeseries',
    unit: 'bytes',
    queries: [[`tapmirror_mirror_behind_bytes${VOLUME}`, '{{volume}} {{mirror}}']],
    width: 12,
  },
  {
    title: 'Written by mirrors',
    kind: 'timeseries',
    unit: 'Bps',
    queries: [[`rate(tapmirror_mirror_written_bytes_total${VOLUME}[$__rate_interval])`, '{{volume}} {{mirror}}']],
    width: 12,
  },
  {
    title: 'Changes',
    kind: 'timeseries',
    unit: 'wps',
    queries: [[`rate(tapmirror_volume_changes_total${VOLUME}[$__rate_interval])`, '{{volume}}']],
    width: 12,
  },
  {
    title: 'Latency of commands (99 of 100)',
    kind: 'timeseries',
    unit: 's',
    queries: [
      [
        `histogram_quantile(0.99, sum by (le, host, lu, nature) (rate(tapmirror_command_duration_seconds_bucket${VOLUME}[$__rate_interval])))`,
        '{{host}} {{lu}} {{nature}}',
      ],
    ],
    width: 12,
  },
  {
    title: 'Commands that failed',
    kind: 'timeseries',
    unit: 'ops',
    queries: [[`rate(tapmirror_command_errors_total${VOLUME}[$__rate_interval])`, '{{host}} {{lu}} {{nature}}']],
    width: 12,
  },
  {
    title: 'Lost at the bus',
    kind: 'timeseries',
    unit: 'pps',
    queries: [
      [`rate(tapmirror_source_drops_total${VOLUME}[$__rate_interval])`, 'drops {{by}}'],
      [`rate(tapmirror_source_holes_total${VOLUME}[$__rate_interval])`, 'holes'],
    ],
    width: 12,
  },
  {
    title: 'Buffer',
    kind: 'timeseries',
    unit: 'bytes',
    queries: [
      [`tapmirror_buffer_bytes${VOLUME} - tapmirror_buffer_free_bytes${VOLUME}`, 'used'],
      [`tapmirror_buffer_bytes${VOLUME}`, 'all'],
    ],
    width: 12,
  },
  {
    title: 'Links',
    kind: 'timeseries',
    unit: 'Bps',
    queries: [[`rate(tapmirror_link_wire_bytes_total${VOLUME}[$__rate_interval])`, '{{volume}} {{mirror}}']],
    width: 12,
  },
  {
    title: 'Round trip of links',
    kind: 'timeseries',
    unit: 's',
    queries: [[`tapmirror_link_round_trip_seconds${VOLUME}`, '{{volume}} {{mirror}}']],
    width: 12,
  },
  {
    title: 'Past that is kept',
    kind: 'timeseries',
    unit: 's',
    queries: [
      [`tapmirror_history_newest_time_seconds${VOLUME} - tapmirror_history_oldest_time_seconds${VOLUME}`, '{{volume}}'],
    ],
    width: 12,
  },
  {
    title: 'Queue of the past',
    kind: 'timeseries',
    unit: 'bytes',
    queries: [[`tapmirror_history_bytes${VOLUME}`, '{{volume}}']],
    width: 12,
  },
];

const COLUMNS = 24;
const HEIGHTS: Readonly<Record<Panel['kind'], number>> = { stat: 4, table: 6, timeseries: 8 };
const SOURCE = { type: 'prometheus', uid: '$source' };

/** A dashboard for Grafana (10 or newer), to be imported: every query of it is over metrics of a unit. */
export function dashboard(): object {
  return {
    uid: 'tapmirror',
    title: 'tapmirror',
    tags: ['tapmirror'],
    schemaVersion: 38,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [
        { name: 'source', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Unit',
          type: 'query',
          datasource: SOURCE,
          query: 'label_values(tapmirror_info{job="tapmirror"}, instance)',
          refresh: 2,
          multi: true,
          includeAll: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: placed(PANELS),
  };
}

/** From the left to the right, then further down. */
function placed(panels: readonly Panel[]): object[] {
  let x = 0;
  let y = 0;
  let row = 0;
  return panels.map(({ title, kind, unit, queries, width }, i) => {
    if (x + width > COLUMNS) {
      x = 0;
      y += row;
      row = 0;
    }
    const gridPos = { x, y, w: width, h: HEIGHTS[kind] };
    x += width;
    row = Math.max(row, HEIGHTS[kind]);
    const targets = queries.map(([expr, legendFormat], n) => ({
      refId: String.fromCharCode(65 + n),
      datasource: SOURCE,
      expr,
      legendFormat: legendFormat || '__auto',
      ...(kind === 'timeseries' ? {} : { instant: true, ...(kind === 'table' ? { format: 'table' } : {}) }),
    }));
    return {
      id: i + 1,
      type: kind,
      title,
      datasource: SOURCE,
      gridPos,
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets,
    };
  });
}

/** The queries of all panels, for whoever checks them. */
export function dashboardQueries(): string[] {
  return PANELS.flatMap(({ queries }) => queries.map(([expression]) => expression));
}
