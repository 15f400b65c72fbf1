import { parentPort } from 'node:worker_threads';
import { loadBinding, type PcapBinding, type PcapSession } from './tapBinding.ts';
import { startCapture } from './tapCapture.ts';
import type { CaptureRequest } from './tapMessages.ts';

/**
 * The capturing thread: one per process, as libpcap's binding can be loaded by one thread only. It polls by a timer and not
 * by the binding's own watcher, which could not be ended with the thread.
 */

const PARK_MS = 200;

let binding: PcapBinding | undefined;
/** Sessions that are done with. The binding closes one only when a packet passes: until then it keeps its buffer. */
let parked: PcapSession[] = [];
let timer: NodeJS.Timeout | undefined;
const into = Buffer.alloc(64);
const header = Buffer.alloc(16);

function park(session: PcapSession): void {
  session.close();
  parked.push(session);
  timer ??= setInterval(() => {
    // -1: its interface has vanished, and no packet will ever pass.
    parked = parked.filter((one) => one.dispatch(into, header) === 0);
    if (parked.length === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }, PARK_MS);
}

parentPort?.on('message', ({ options, port }: CaptureRequest) => {
  const load = (): PcapBinding => {
    binding ??= loadBinding(options.binding);
    return binding;
  };
  startCapture(load, options, port, park);
});
