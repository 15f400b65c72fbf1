import { ControlServer } from '../../hw/controlServer.ts';
import type { Log } from '../../hw/log.ts';
import { Fault } from '../base/fault.ts';
import type { RunningUnit } from './status.ts';

/** Serves the unit's control socket until it is closed. Rejects with a `Fault` when the path cannot be had. */
export async function serveControl(path: string, unit: Pick<RunningUnit, 'status'>, log: Log): Promise<ControlServer> {
  return ControlServer.open({
    path,
    answer: (request) => {
      if (request.do === 'status') return unit.status();
      throw new Fault('peer', `a unit cannot ${JSON.stringify(request.do.slice(0, 40))}`, 'it knows: status');
    },
    failed: (error) => log.error('the control socket failed', { why: words(error) }),
  });
}

function words(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
