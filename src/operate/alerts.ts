/**
 * Alert rules for Prometheus over the metrics of a unit, as a file of rules. They take it that the units are scraped as the
 * job `tapmirror`. `critical` is for what a mirror or the past may be lost by, `warning` for what needs somebody soon.
 */
export const ALERTS = `# Alert rules of tapmirror. Units are scraped as the job "tapmirror".
groups:
  - name: tapmirror
    rules:
      - alert: TapmirrorUnitDown
        expr: up{job="tapmirror"} == 0
        for: 2m
        labels: {severity: critical}
        annotations:
          summary: "The unit {{ $labels.instance }} does not answer"
          description: "A tee that is down stops its hosts; behind a tap mirrors are not kept. Look at the service's log."
      - alert: TapmirrorUnitRestarts
        expr: changes(tapmirror_start_time_seconds[1h]) > 3
        labels: {severity: warning}
        annotations:
          summary: "The unit {{ $labels.instance }} began {{ $value }} times within an hour"
          description: "Look at the service's log for why it ended."
      - alert: TapmirrorMirrorBroken
        expr: tapmirror_mirror_state{state="broken"} == 1
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "The mirror {{ $labels.mirror }} of {{ $labels.volume }} is broken"
          description: "tapmirror status says why and what to mend; it is tried again by itself."
      - alert: TapmirrorMirrorPaused
        expr: tapmirror_mirror_state{state="paused"} == 1
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: "The mirror {{ $labels.mirror }} of {{ $labels.volume }} is paused"
          description: "It waits for somebody: tapmirror status says for what."
      - alert: TapmirrorRecoveryPointOld
        expr: tapmirror_mirror_recovery_point_seconds > 300
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "The mirror {{ $labels.mirror }} of {{ $labels.volume }} lacks changes of the last {{ $value | humanizeDuration }}"
          description: "It is slower than the hosts write, away, or being compared: tapmirror status says which."
      - alert: TapmirrorUnresolved
        expr: tapmirror_mirror_unresolved_bytes > 0
        for: 30m
        labels: {severity: warning}
        annotations:
          summary: "{{ $value | humanize1024 }}B of {{ $labels.mirror }} of {{ $labels.volume }} are unresolved"
          description: "They are to be read back from the first volume, which is away, slow, or not configured."
      - alert: TapmirrorFirstDown
        expr: tapmirror_first_up == 0
        for: 2m
        labels: {severity: warning}
        annotations:
          summary: "The first volume of {{ $labels.volume }} cannot be read"
          description: "Nothing can be compared or repaired until it can; what is seen is mirrored all the same."
      - alert: TapmirrorDrops
        expr: increase(tapmirror_source_drops_total[10m]) > 0
        labels: {severity: warning}
        annotations:
          summary: "The unit {{ $labels.instance }} lost {{ $value | humanize }} frames ({{ $labels.by }})"
          description: "Every volume is compared with its first. A larger source.tap.bufferBytes, or a narrower filter, helps."
      - alert: TapmirrorTapBehind
        expr: tapmirror_source_behind == 1
        for: 1m
        labels: {severity: warning}
        annotations:
          summary: "The tap of {{ $labels.instance }} cannot keep up with the bus"
          description: "Frames are cut or dropped; what is missed is read back. Give it more processor time or less traffic."
      - alert: TapmirrorHoles
        expr: increase(tapmirror_source_holes_total[10m]) > 10
        labels: {severity: warning}
        annotations:
          summary: "The unit {{ $labels.instance }} misses bytes that were on the bus"
          description: "See that the mirror port is not overbooked and that both directions are seen."
      - alert: TapmirrorNoSession
        expr: tapmirror_volume_sessions == 0
        for: 15m
        labels: {severity: warning}
        annotations:
          summary: "No session of a host to {{ $labels.volume }} is seen"
          description: "Either no host uses it, or its way is not tapped, and its mirrors differ unseen: tapmirror doctor."
      - alert: TapmirrorReadsDiffer
        expr: increase(tapmirror_checked_read_differences_total[1h]) > 0
        labels: {severity: critical}
        annotations:
          summary: "What hosts read of {{ $labels.volume }} differs from its mirror"
          description: "One of the two sides changed unseen. tapmirror verify --repair makes the mirror equal; look for a way that is not tapped, and at the disks."
      - alert: TapmirrorMirrorDiffers
        expr: tapmirror_verify_differing_bytes > 0
        labels: {severity: critical}
        annotations:
          summary: "{{ $value | humanize1024 }}B of {{ $labels.mirror }} differed from {{ $labels.volume }} when they were compared"
          description: "tapmirror verify --repair makes it equal, and a comparison that finds nothing ends this. Look for a way that is not tapped: tapmirror doctor."
      - alert: TapmirrorBufferShort
        expr: tapmirror_buffer_lbn_only == 1
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "The buffer of {{ $labels.instance }} is short: changes are kept without their data"
          description: "They are read back from the first volume. A larger buffer.bytes, or a faster mirror, helps."
      - alert: TapmirrorLinkDown
        expr: tapmirror_link_connected == 0
        for: 5m
        labels: {severity: warning}
        annotations:
          summary: "The link {{ $labels.mirror }} of {{ $labels.volume }} is not connected"
          description: "The other site falls behind; it is tried again by itself."
      - alert: TapmirrorLinkPaused
        expr: tapmirror_link_paused == 1
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "The far end of {{ $labels.mirror }} takes nothing"
          description: "Its disk is full, or cannot be written: tapmirror status has its words."
      - alert: TapmirrorClocksApart
        expr: abs(tapmirror_link_clock_ahead_seconds) > 5
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: "The clocks at the ends of {{ $labels.mirror }} are {{ $value | humanizeDuration }} apart"
          description: "Moments of the past and certificates go by them: let chrony, systemd-timesyncd or ntpd keep both."
      - alert: TapmirrorCertificateEnds
        expr: tapmirror_certificate_end_time_seconds - time() < 30 * 86400 >= 7 * 86400
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: "The certificate {{ $labels.name }} of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}"
          description: "Make a new one with tapmirror keys and start the unit again: without it no link can be made."
      - alert: TapmirrorCertificateEndsSoon
        expr: tapmirror_certificate_end_time_seconds - time() < 7 * 86400
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "The certificate {{ $labels.name }} of {{ $labels.instance }} ends within a week"
          description: "Make a new one with tapmirror keys and start the unit again: without it no link can be made."
      - alert: TapmirrorSenderGone
        expr: tapmirror_received_sender_connected == 0
        for: 10m
        labels: {severity: warning}
        annotations:
          summary: "Nobody sends {{ $labels.volume }}"
          description: "The unit at the bus, or the way to it, is down: what is kept here grows old."
      - alert: TapmirrorInconsistent
        expr: tapmirror_received_consistent == 0
        for: 1h
        labels: {severity: warning}
        annotations:
          summary: "{{ $labels.volume }} has had no consistent moment for an hour"
          description: "It is being compared or lacks something; older moments are there: tapmirror history."
      - alert: TapmirrorServedAbsent
        expr: tapmirror_serve_absent > 0
        for: 1m
        labels: {severity: critical}
        annotations:
          summary: "{{ $value }} served logical units of {{ $labels.instance }} have no medium"
          description: "Hosts are told NOT READY: tapmirror status says why."
`;
