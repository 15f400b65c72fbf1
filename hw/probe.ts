import { stat } from 'node:fs/promises';
import type { ProbeHello } from '../parsers/bus/probePackets.ts';
import { Fault } from '../src/base/fault.ts';
import type { SampleSink } from '../src/base/samples.ts';
import { askHello } from './probeHello.ts';
import { type LiveProbe, type ProbeLine, ProbeSession, type ProbeSettings } from './probeSession.ts';
import type { SerialPortStream as Stream } from './probeStream.ts';

export type { LiveProbe, ProbeMode, ProbeStatus } from './probeSession.ts';

/** What opens ports: the package's binding to the system, or one that stands in for it. */
export interface SerialBinding {
  list(): Promise<unknown[]>;
  open(options: { path: string; baudRate: number }): Promise<unknown>;
}

type BindingInterface = ConstructorParameters<typeof Stream>[0]['binding'];

export interface ProbeOptions extends ProbeSettings {
  /** The serial port: `/dev/ttyACM0`, better `/dev/serial/by-id/...`. */
  port: string;
  /** Without meaning on USB-CDC. Default 3,000,000. */
  baudRate?: number;
  /** Stands in for the system's ports, for tests. */
  binding?: SerialBinding;
}

const BAUD_RATE = 3_000_000;
/** Bytes that the stream holds at most before they are handed on. */
const HIGH_WATER = 1 << 16;
const INSTALL =
  'run `npm ci` again with optional packages, on a platform for which the package has a binary or with a compiler';

/**
 * Listens to a probe on a serial port and pushes what it tells of the bus into `sink`. Resolves when the port is open;
 * rejects with a `Fault` when the packages are not there or the port cannot be opened. From there on a cable that is pulled
 * or a probe that falls silent is waited for, and what passed meanwhile is a hole.
 */
export async function openProbe(options: ProbeOptions, sink: SampleSink): Promise<LiveProbe> {
  const { port, baudRate = BAUD_RATE } = options;
  const open = await serialPorts(port, baudRate, options.binding);
  return ProbeSession.open(port, open, options, sink);
}

/**
 * Asks what is plugged into a port who it is. Undefined when no probe answers in time; rejects with a `Fault` when the port
 * cannot be opened. A capture that runs there is left alone.
 */
export async function identifyProbe(
  options: Pick<ProbeOptions, 'port' | 'baudRate' | 'binding'>,
  waitMs = 1500,
): Promise<ProbeHello | undefined> {
  const { port, baudRate = BAUD_RATE } = options;
  const open = await serialPorts(port, baudRate, options.binding);
  return askHello(open, waitMs);
}

/** What opens the port, each time that it is needed. */
async function serialPorts(
  path: string,
  baudRate: number,
  stand: SerialBinding | undefined,
): Promise<(line: ProbeLine) => Promise<void>> {
  const { SerialPortStream } = await load('@serialport/stream', () => import('./probeStream.ts'));
  const binding: SerialBinding =
    stand ?? (await load('@serialport/bindings-cpp', () => import('./probeBinding.ts'))).autoDetect();
  return (line) =>
    new Promise<void>((resolve, reject) => {
      const stream = new SerialPortStream({
        binding: binding as BindingInterface,
        path,
        baudRate,
        autoOpen: false,
        highWaterMark: HIGH_WATER,
      });
      stream.on('error', (error) => line.broke(error.message));
      stream.on('close', (error: Error | null) => line.broke(error?.message ?? 'the port was closed'));
      stream.open((error) => {
        if (error !== null) {
          reject(portFault(path, error));
          return;
        }
        stream.on('data', (bytes: Uint8Array) => line.received(bytes));
        line.write = (bytes) => stream.write(bytes);
        line.close = () => closed(stream);
        if (stand === undefined && path.startsWith('/')) line.present = () => stat(path).then(Boolean, () => false);
        resolve();
      });
    });
}

function closed(stream: { isOpen: boolean; close(done: () => void): void; destroy(): void }): Promise<void> {
  if (!stream.isOpen) return Promise.resolve();
  return new Promise((resolve) => stream.close(() => resolve()));
}

async function load<T>(name: string, from: () => Promise<T>): Promise<T> {
  try {
    return await from();
  } catch (cause) {
    throw new Fault('local', `the optional package \`${name}\` is not installed or does not load`, INSTALL, { cause });
  }
}

function portFault(path: string, error: Error): Fault {
  const { message } = error;
  let mend = 'check the name of the port';
  if (/permission denied|EACCES/i.test(message)) {
    mend = 'let the user who runs this use the port, such as by the group dialout';
  } else if (/lock|busy|temporarily unavailable/i.test(message)) {
    mend = 'end the other program that uses the port';
  } else if (/no such|not exist|ENOENT/i.test(message)) {
    mend = 'plug the probe in and check the name; those under /dev/serial/by-id stay the same';
  }
  return new Fault('local', `serial port ${path}: ${message.replace(/^Error:\s*/, '')}`, mend, { cause: error });
}
