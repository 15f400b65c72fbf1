import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { Fault } from '../src/base/fault.ts';
import type { CaptureOptions, CaptureRequest } from './tapMessages.ts';

interface CaptureThread {
  worker: Worker;
  /** Called with what ended the thread. */
  mourners: Set<(fault: Fault) => void>;
}

/** One per process: libpcap's binding can be loaded by one thread only. It does not keep the process alive. */
let thread: CaptureThread | undefined;

/** Asks the capturing thread for a capture. Its messages come over the port; `ended` is called if the thread fails. */
export function askForCapture(options: CaptureOptions, ended: (fault: Fault) => void): MessagePort {
  thread ??= startThread();
  const { worker, mourners } = thread;
  const { port1, port2 } = new MessageChannel();
  mourners.add(ended);
  port1.once('close', () => mourners.delete(ended));
  const request: CaptureRequest = { options, port: port2 };
  worker.postMessage(request, [port2]);
  return port1;
}

function startThread(): CaptureThread {
  const worker = new Worker(workerPath());
  const started: CaptureThread = { worker, mourners: new Set() };
  const mourn = (cause: unknown) => {
    if (thread === started) thread = undefined;
    const fault = new Fault('bug', `the capturing thread has ended: ${String(cause)}`, undefined, { cause });
    for (const told of started.mourners) told(fault);
    started.mourners.clear();
  };
  worker.on('error', mourn);
  worker.on('exit', (code) => mourn(`exit ${code}`));
  worker.unref();
  return started;
}

/** Beside this module, or in its folder below where everything was bundled into one file. */
function workerPath(): string {
  const places = ['./tapWorker.js', './hw/tapWorker.js'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
  return places.find((path) => existsSync(path)) ?? places[0];
}
