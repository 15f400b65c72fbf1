import { capabilities } from '../../../hw/hostFacts.ts';
import { cardFacts } from '../../../hw/interfaceFacts.ts';
import { interfaceNames, viewInterface } from '../../../hw/tapInterfaces.ts';
import type { TapSource } from '../config/configTypes.ts';
import { about, type Finding } from './doctorTypes.ts';

/** The interfaces of a tap: whether they are there and up, and set up so that what passes them is what was on the wire. */
export async function lookAtInterfaces({ interfaces }: TapSource): Promise<Finding[]> {
  const each = await Promise.all(interfaces.map(lookAtInterface));
  return [mayCapture(), ...each.flatMap(({ findings }) => findings), ...differing(each)];
}

function mayCapture(): Finding {
  const one = about('permissions', 'capture');
  const may = capabilities();
  if (may === null) return one.warn('/proc does not tell what this process may do', 'mount /proc');
  if (may.netRaw) return one.ok('this user may capture');
  const mend = 'run the unit with CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW); the doctor as the same user';
  return one.fail('this user may not capture: the process has no CAP_NET_RAW', mend);
}

interface Looked {
  name: string;
  mtu?: number | undefined;
  findings: Finding[];
}

async function lookAtInterface(name: string): Promise<Looked> {
  const one = about('interface', name);
  const view = viewInterface(name);
  if (!view.exists) {
    const known = interfaceNames().join(', ') || 'none';
    return { name, findings: [one.fail('there is no such interface', `name one of: ${known}`)] };
  }
  if (name === 'any') {
    const mend = 'name the interfaces that the mirror port feeds';
    return { name, findings: [one.warn('all interfaces at once: frames that two of them see count twice', mend)] };
  }
  if (!view.up) return { name, findings: [one.fail('it is down', `ip link set ${name} up`)] };
  const findings: Finding[] = [];
  if (!view.carrier) findings.push(one.fail('nothing is at the other end of its cable', 'check cable and mirror port'));
  const { mtu, addresses, joining, ring, lost } = await cardFacts(name);
  const at = addresses.length > 0 ? `it has the address ${addresses.join(', ')}` : 'without an address';
  findings.push(one.ok(`up, MTU ${mtu ?? 'unknown'}, ${at}`));
  const alone = view.ethernet && name !== 'lo';
  if (alone && joining === undefined) {
    findings.push(one.warn('its offloads are not known', 'install ethtool, and run the doctor again'));
  } else if (alone && joining !== undefined && joining.length > 0) {
    const words = joining.join(', ');
    const mend = `ethtool -K ${name} gro off lro off rx-gro-hw off`;
    findings.push(one.warn(`it joins frames before they are captured (${words}): losses are told late`, mend));
  }
  if (ring !== undefined && ring.rx < ring.max) {
    const words = `its receive ring has ${ring.rx} of ${ring.max} places: bursts are lost sooner`;
    findings.push(one.warn(words, `ethtool -G ${name} rx ${ring.max}`));
  }
  if (lost > 0) {
    const mend = 'a larger ring, fewer frames (a filter at the mirror port), or a faster card';
    findings.push({ ...one.warn(`the card lost ${lost} frames since it came up`, mend), check: 'drops' });
  }
  return { name, mtu, findings };
}

function differing(each: readonly Looked[]): Finding[] {
  const sizes = each.flatMap(({ name, mtu }) => (mtu === undefined ? [] : [{ name, mtu }]));
  if (new Set(sizes.map(({ mtu }) => mtu)).size < 2) return [];
  const words = sizes.map(({ name, mtu }) => `${name} ${mtu}`).join(', ');
  const mend = 'give all the largest MTU of the bus: longer frames are lost at the others';
  return [about('interface', 'MTU').warn(`the interfaces of the tap differ: ${words}`, mend)];
}
