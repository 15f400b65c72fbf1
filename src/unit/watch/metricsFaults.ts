import type { BusSeen } from '../bus/busOthers.ts';
import type { PutMetric } from './metricsServe.ts';
import type { SourceStatus, UnitStatus, VolumeStatus } from './status.ts';

/** What a tap lost, by who lost it. */
interface Drops {
  kernel: number;
  interface: number;
  own: number;
}

/** What is seen on the bus, and what of it is missed. */
export function seenMetrics(source: SourceStatus, volumes: readonly VolumeStatus[], put: PutMetric): void {
  const { drops, level, sessions, others } = source as SourceStatus &
    Partial<BusSeen> & { drops?: Drops | number; level?: string };
  if (typeof drops === 'object') {
    for (const [by, frames] of Object.entries(drops)) {
      put('tapmirror_source_drops_total', 'Frames that the capture lost.', { by }, frames);
    }
  }
  if (level !== undefined) {
    put('tapmirror_source_behind', 'The tap cannot keep up and leaves something out.', {}, Number(level !== 'full'));
  }
  if (others !== undefined) {
    const writes = others.reduce((sum, one) => sum + one.writes, 0);
    put('tapmirror_source_other_writes_total', 'Writes to LUs that are not configured.', {}, writes);
  }
  if (sessions === undefined) return;
  put('tapmirror_source_sessions', 'Sessions of hosts that are seen.', {}, sessions.length);
  for (const { lu, name, received } of volumes) {
    if (received !== undefined) continue;
    const count = sessions.filter((one) => one.volumes.includes(lu)).length;
    put('tapmirror_volume_sessions', 'Sessions of hosts that reach the volume.', { volume: name ?? lu }, count);
  }
}

const FAULT = 'What is wrong now, in the words of the status; always 1.';

/** The same for what is no volume's own. */
export function unitFaultMetrics({ source, buffer }: UnitStatus, put: PutMetric): void {
  for (const [medium, { error }] of [['source', source] as const, ['buffer', buffer] as const]) {
    if (error) put('tapmirror_fault', FAULT, { volume: '', medium, message: error.message }, 1);
  }
}

/**
 * One series for each thing that is wrong now, with the words of the status as a label: it is gone once that is mended.
 */
export function faultMetrics({ lu, name, first, mirrors }: VolumeStatus, put: PutMetric): void {
  const volume = name ?? lu;
  const fault = (medium: string, message: string | undefined): void => {
    if (message === undefined) return;
    put('tapmirror_fault', FAULT, { volume, medium, message }, 1);
  };
  if (first.state === 'down') fault(first.url, first.error?.message ?? 'it cannot be read');
  for (const { to, error, link } of mirrors) {
    fault(to, error?.message);
    if (link?.paused !== error?.message) fault(to, link?.paused);
    if (link?.connected === false && link.lastFault !== error?.message) fault(to, link.lastFault);
  }
}
