import type { ControlJob } from '../../../hw/controlServer.ts';
import type { ControlRequest } from '../../../hw/controlWire.ts';
import { Fault } from '../../base/fault.ts';

/** What a page may ask for. Nothing of it takes data away: what writes files or gives up moments is for the unit's own user. */
const ORDERS: ReadonlySet<string> = new Set(['pause', 'resume', 'resync', 'mark']);

/** Gives orders of the page to who answers at the control socket: the same words, the same answers. */
export function pageOrders(
  answer: (request: ControlRequest, job: ControlJob) => unknown,
  ending: AbortSignal,
): (request: Record<string, unknown>) => Promise<unknown> {
  return async (request) => {
    const { do: order } = request;
    if (typeof order !== 'string' || !ORDERS.has(order)) {
      throw new Fault('peer', 'the page gives no such order', `it gives: ${[...ORDERS].join(', ')}`);
    }
    return answer({ ...request, do: order, by: 'the status page' }, { progress: () => {}, signal: ending });
  };
}
