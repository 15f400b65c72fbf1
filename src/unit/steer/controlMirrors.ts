import type { ControlJob } from '../../../hw/controlServer.ts';
import type { ControlRequest } from '../../../hw/controlWire.ts';
import { Fault } from '../../base/fault.ts';
import type { RunningUnit } from '../watch/status.ts';
import { byOf, wordOf } from './controlSteer.ts';
import type { AddedReport, RemovedReport } from './mirrorChangesTypes.ts';

/** A job says so often how far it is, even when it is not further. */
const TELL_MS = 1000;
/** What a configuration may say of a mirror is shorter. */
const MIRROR_CHARACTERS_MAX = 8192;
const MEND = 'use the tapmirror of this version';

/** A mirror more, or less. Throws, or rejects with, a `Fault`. */
export async function changeMirrors(
  { mirrors, running }: Pick<RunningUnit, 'mirrors' | 'running'>,
  request: ControlRequest,
  job: ControlJob,
): Promise<AddedReport | RemovedReport> {
  const volume = wordOf(request.volume, 'volume');
  const by = byOf(request.by);
  if (volume === undefined) throw new Fault('peer', 'no volume is named', MEND);
  if (request.do === 'addMirror') return telling(job, () => mirrors.add({ volume, as: asOf(request.as), by }));
  const mirror = wordOf(request.mirror, 'mirror');
  if (mirror === undefined) throw new Fault('peer', 'no mirror is named', MEND);
  // Whoever asked may go: it is listed, and goes on.
  const what = { kind: 'remove', volume, mirror, cancels: false } as const;
  const asked = { progress: job.progress, signal: new AbortController().signal };
  return running.run(what, asked, ({ progress }) =>
    telling(job, () => {
      const told = (done: number, total: number): void => progress({ done, total });
      return mirrors.remove({ volume, mirror, by, now: request.now === true, progress: told });
    }),
  );
}

/** Whoever waits is told that it goes on. */
async function telling<T>(job: ControlJob, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => job.progress({ done: 0, total: 0 }), TELL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** What the configuration would have: its own checks say what is wrong with it. */
function asOf(value: unknown): unknown {
  const text = typeof value === 'string' || (typeof value === 'object' && value !== null);
  if (text && JSON.stringify(value).length <= MIRROR_CHARACTERS_MAX) return value;
  throw new Fault('peer', '"as" is not a mirror as a configuration names it', MEND);
}
