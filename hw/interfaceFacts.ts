import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { tool } from './hostFacts.ts';

/** How a network card is set up, as far as it matters to a tap. */
export interface CardFacts {
  mtu: number | undefined;
  /** IP addresses of the machine itself there. */
  addresses: string[];
  /** Offloads that put frames together before they are captured, by ethtool's names; undefined where ethtool does not tell. */
  joining: string[] | undefined;
  /** Descriptors of the receive ring, and how many it may have. */
  ring: { rx: number; max: number } | undefined;
  /** Frames that the card had no room for since it came up. */
  lost: number;
}

const JOINING = ['generic-receive-offload', 'large-receive-offload', 'rx-gro-hw'];
const LOSSES = ['rx_missed_errors', 'rx_fifo_errors', 'rx_over_errors'];

export async function cardFacts(name: string): Promise<CardFacts> {
  const [features, rings] = await Promise.all([tool('ethtool', ['-k', name]), tool('ethtool', ['-g', name])]);
  const mtu = Number(sysfs(name, 'mtu'));
  return {
    mtu: Number.isSafeInteger(mtu) && mtu > 0 ? mtu : undefined,
    addresses: (networkInterfaces()[name] ?? []).map(({ address }) => address),
    joining: features === undefined ? undefined : joiningOffloads(features),
    ring: rings === undefined ? undefined : receiveRing(rings),
    lost: LOSSES.reduce((sum, which) => sum + Number(sysfs(name, `statistics/${which}`) ?? 0), 0),
  };
}

/** Of `ethtool -k`: what is on. */
export function joiningOffloads(text: string): string[] {
  return JOINING.filter((name) => new RegExp(`^\\s*${name}: on\\b`, 'm').test(text));
}

/** Of `ethtool -g`: the maxima stand first, then what is set. */
export function receiveRing(text: string): { rx: number; max: number } | undefined {
  const [max, rx] = [...text.matchAll(/^RX:\s*(\d+)$/gm)].map((match) => Number(match[1]));
  return rx === undefined || max === undefined ? undefined : { rx, max };
}

function sysfs(name: string, what: string): string | undefined {
  if (name.includes('/')) return undefined;
  try {
    return readFileSync(`/sys/class/net/${name}/${what}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}
