import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** A serial port of this machine. */
export interface SerialPortName {
  path: string;
  /** What is plugged in, as the system names it: `usb-Maker_Product_Serial-if00`. */
  device: string | undefined;
}

const DEV = '/dev';
const BY_ID = '/dev/serial/by-id';
const USUAL = /^(?:tty(?:USB|ACM|AMA|XRUSB|THS)\d+|cu\.usb.*|ttyS[0-3])$/;

/**
 * The serial ports that a probe may be plugged into. (The binding's own list ends the process where udevadm is not installed,
 * as in a container.)
 */
export async function listSerialPorts(): Promise<SerialPortName[]> {
  const devices = new Map<string, string>();
  for (const name of await names(BY_ID)) {
    const path = await realpath(join(BY_ID, name)).catch(() => undefined);
    if (path !== undefined) devices.set(path, name);
  }
  const found = (await names(DEV)).filter((name) => USUAL.test(name)).map((name) => join(DEV, name));
  return [...new Set([...devices.keys(), ...found])].sort().map((path) => ({ path, device: devices.get(path) }));
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
