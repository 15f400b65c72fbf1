import { readdirSync, readFileSync } from 'node:fs';

/** What Linux tells of a network interface in sysfs. */
export interface InterfaceView {
  exists: boolean;
  /** Another number under the same name is another interface. */
  index: number;
  /** Switched on by the administrator. */
  up: boolean;
  /** Something is at the other end of the cable. */
  carrier: boolean;
  /** Counts losses and returns of the carrier. */
  changes: number;
  /** Whether its frames are Ethernet frames (loopback's are, too). */
  ethernet: boolean;
}

const IFF_UP = 1;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
/** The device of libpcap that stands for all of them. */
const ANY: InterfaceView = { exists: true, index: 0, up: true, carrier: true, changes: 0, ethernet: false };

const SYSFS = '/sys/class/net';

export function viewInterface(name: string): InterfaceView {
  if (name === 'any') return ANY;
  const read = (what: string): string | undefined => {
    try {
      return readFileSync(`${SYSFS}/${name}/${what}`, 'latin1').trim();
    } catch {
      return undefined;
    }
  };
  const index = name.includes('/') ? undefined : read('ifindex');
  if (index === undefined) return viewWithoutSysfs(name);
  const type = Number(read('type'));
  return {
    exists: true,
    index: Number(index),
    up: (Number(read('flags')) & IFF_UP) !== 0,
    // Unreadable while the interface is down.
    carrier: read('carrier') !== '0',
    changes: Number(read('carrier_changes') ?? 0),
    ethernet: type === ARPHRD_ETHER || type === ARPHRD_LOOPBACK,
  };
}

/** A process that was moved into another network namespace may see the old one's sysfs, but never its /proc/net/dev. */
function viewWithoutSysfs(name: string): InterfaceView {
  const exists = interfaceNames().includes(name);
  return { exists, index: 0, up: exists, carrier: exists, changes: 0, ethernet: true };
}

/** Every interface of this network namespace. */
export function interfaceNames(): string[] {
  try {
    const table = readFileSync('/proc/net/dev', 'latin1');
    return [...table.matchAll(/^\s*([^\s:]+):/gm)].map((match) => match[1]);
  } catch {
    try {
      return readdirSync(SYSFS);
    } catch {
      return [];
    }
  }
}
