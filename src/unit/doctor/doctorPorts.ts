import { identifyProbe } from '../../../hw/probe.ts';
import { listSerialPorts } from '../../../hw/probePorts.ts';
import { Fault } from '../../base/fault.ts';

/** A serial port and what answers on it. */
export interface PortReport {
  port: string;
  /** What is plugged in, as the system names it. */
  device: string | null;
  /** A probe that answers there. */
  probe: { id: string; name: string; firmware: string; width: number; clockHz: number; capturing: boolean } | null;
  /** Why the port cannot be used, and the mend. */
  fault: { message: string; mend: string } | null;
}

/** Long enough for three questions. */
const WAIT_MS = 1600;

/** Looks at serial ports: those named, or all that a probe may be plugged into. A capture that runs there goes on. */
export async function lookAtPorts(named: readonly string[] = []): Promise<PortReport[]> {
  const listed = await listSerialPorts();
  const known = new Map(listed.map(({ path, device }) => [path, device]));
  const ports = named.length > 0 ? named : [...known.keys()];
  return Promise.all(ports.map((port) => lookAt(port, known.get(port) ?? null)));
}

async function lookAt(port: string, device: string | null): Promise<PortReport> {
  try {
    const hello = await identifyProbe({ port }, WAIT_MS);
    if (hello === undefined) return { port, device, probe: null, fault: null };
    const { id, name, firmware, width, clockHz, capturing } = hello;
    return { port, device, probe: { id, name, firmware, width, clockHz, capturing }, fault: null };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { port, device, probe: null, fault: { message: error.message, mend: error.mend ?? '' } };
  }
}
