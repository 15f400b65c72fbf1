/** What the alert rules have to say to series over time, as `promtool test rules` takes it. */

interface Case {
  alert: string;
  /** Series and their values, a minute apart. */
  series: Readonly<Record<string, string>>;
  /** Minutes after which it is looked at. */
  at: string;
  labels: Readonly<Record<string, string>>;
  severity: string;
  /** False: nobody is alarmed. */
  fires: boolean;
}

const MIRROR = { instance: 'near:9780', job: 'tapmirror', volume: 'db', mirror: 'file:m.img' };
const UNIT = { instance: 'near:9780', job: 'tapmirror' };
const VOLUME = { ...UNIT, volume: 'db' };
const CERTIFICATE = { ...UNIT, certificate: 'own', name: 'near' };

function series(name: string, labels: Readonly<Record<string, string>>): string {
  const words = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return `${name}{${words.join(',')}}`;
}

function one(
  alert: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  values: string,
  at: string,
  severity: string,
  fires = true,
): Case {
  return { alert, series: { [series(name, labels)]: values }, at, labels, severity, fires };
}

const BROKEN = { ...MIRROR, state: 'broken' };

const CASES: readonly Case[] = [
  one('TapmirrorUnitDown', 'up', UNIT, '1 1 0 0 0 0', '5m', 'critical'),
  one('TapmirrorUnitDown', 'up', UNIT, '1 1 0 1 1 1', '5m', 'critical', false),
  one('TapmirrorUnitRestarts', 'tapmirror_start_time_seconds', UNIT, '1 2 3 4 5 5', '5m', 'warning'),
  one('TapmirrorUnitRestarts', 'tapmirror_start_time_seconds', UNIT, '1 2 2 2 2 2', '5m', 'warning', false),
  one('TapmirrorMirrorBroken', 'tapmirror_mirror_state', BROKEN, '0 1 1 1', '3m', 'critical'),
  one('TapmirrorMirrorBroken', 'tapmirror_mirror_state', BROKEN, '1 0 0 0', '3m', 'critical', false),
  one('TapmirrorMirrorPaused', 'tapmirror_mirror_state', { ...MIRROR, state: 'paused' }, '1x20', '15m', 'warning'),
  one('TapmirrorRecoveryPointOld', 'tapmirror_mirror_recovery_point_seconds', MIRROR, '400+60x20', '15m', 'warning'),
  one('TapmirrorRecoveryPointOld', 'tapmirror_mirror_recovery_point_seconds', MIRROR, '20x20', '15m', 'warning', false),
  one('TapmirrorUnresolved', 'tapmirror_mirror_unresolved_bytes', MIRROR, '4096x40', '35m', 'warning'),
  one('TapmirrorFirstDown', 'tapmirror_first_up', VOLUME, '1 0 0 0 0', '4m', 'warning'),
  one('TapmirrorDrops', 'tapmirror_source_drops_total', { ...UNIT, by: 'kernel' }, '0 0 7 7 7', '4m', 'warning'),
  one('TapmirrorDrops', 'tapmirror_source_drops_total', { ...UNIT, by: 'kernel' }, '7 7 7 7 7', '4m', 'warning', false),
  one('TapmirrorTapBehind', 'tapmirror_source_behind', UNIT, '1x5', '3m', 'warning'),
  one('TapmirrorHoles', 'tapmirror_source_holes_total', UNIT, '0+20x10', '8m', 'warning'),
  one('TapmirrorNoSession', 'tapmirror_volume_sessions', VOLUME, '0x20', '18m', 'warning'),
  one('TapmirrorReadsDiffer', 'tapmirror_checked_read_differences_total', VOLUME, '0 0 2 2 2', '4m', 'critical'),
  one('TapmirrorReadsDiffer', 'tapmirror_checked_read_differences_total', VOLUME, '2 2 2 2 2', '4m', 'critical', false),
  one('TapmirrorMirrorDiffers', 'tapmirror_verify_differing_bytes', MIRROR, '0 0 4096', '3m', 'critical'),
  one('TapmirrorMirrorDiffers', 'tapmirror_verify_differing_bytes', MIRROR, '4096 4096 0', '3m', 'critical', false),
  one('TapmirrorClocksApart', 'tapmirror_link_clock_ahead_seconds', MIRROR, '-20x20', '15m', 'warning'),
  one('TapmirrorClocksApart', 'tapmirror_link_clock_ahead_seconds', MIRROR, '2x20', '15m', 'warning', false),
  // These tests begin at the time 0.
  one(
    'TapmirrorCertificateEnds',
    'tapmirror_certificate_end_time_seconds',
    CERTIFICATE,
    '2000000x80',
    '70m',
    'warning',
  ),
  one(
    'TapmirrorCertificateEnds',
    'tapmirror_certificate_end_time_seconds',
    CERTIFICATE,
    '3000000x80',
    '70m',
    'warning',
    false,
  ),
  one(
    'TapmirrorCertificateEnds',
    'tapmirror_certificate_end_time_seconds',
    CERTIFICATE,
    '500000x80',
    '70m',
    'warning',
    false,
  ),
  one(
    'TapmirrorCertificateEndsSoon',
    'tapmirror_certificate_end_time_seconds',
    CERTIFICATE,
    '500000x20',
    '10m',
    'critical',
  ),
  one(
    'TapmirrorCertificateEndsSoon',
    'tapmirror_certificate_end_time_seconds',
    CERTIFICATE,
    '2000000x20',
    '10m',
    'critical',
    false,
  ),
  one('TapmirrorBufferShort', 'tapmirror_buffer_lbn_only', UNIT, '1x10', '8m', 'warning'),
  one('TapmirrorLinkDown', 'tapmirror_link_connected', MIRROR, '0x10', '8m', 'warning'),
  one('TapmirrorLinkPaused', 'tapmirror_link_paused', MIRROR, '1x5', '3m', 'critical'),
  one('TapmirrorSenderGone', 'tapmirror_received_sender_connected', VOLUME, '0x20', '15m', 'warning'),
  one('TapmirrorInconsistent', 'tapmirror_received_consistent', VOLUME, '0x70', '65m', 'warning'),
  one('TapmirrorServedAbsent', 'tapmirror_serve_absent', UNIT, '2x5', '3m', 'critical'),
];

/** Alerts that some case makes sound. */
export const SOUNDED: ReadonlySet<string> = new Set(CASES.filter(({ fires }) => fires).map(({ alert }) => alert));

/** A file for `promtool test rules`; the words of an alert are not compared here, only that it sounds for whom. */
export function alertTests(rules: string, words: (alert: string) => boolean): object {
  return {
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: CASES.filter(({ alert }) => words(alert)).map(({ alert, series: all, at, labels, severity, fires }) => ({
      interval: '1m',
      input_series: Object.entries(all).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: `count by (alertname, severity) (ALERTS{alertname="${alert}", alertstate="firing"${
            labels.volume === undefined ? '' : `, volume="${labels.volume}"`
          }})`,
          eval_time: at,
          exp_samples: fires ? [{ labels: `{alertname="${alert}", severity="${severity}"}`, value: 1 }] : [],
        },
      ],
    })),
  };
}
