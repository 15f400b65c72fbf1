import type { TapFilter } from '../../../hw/tap.ts';
import { Fault } from '../../base/fault.ts';

export interface PortalFilterOptions {
  /** `IP:PORT` or `[IP6]:PORT`; none means everything that may carry TCP. */
  portals: readonly string[];
  /** Whether a remote SPAN may bring the frames in a tunnel: what is inside is then sorted out by the decoder. */
  tunnels: boolean;
}

/**
 * Beyond this many hosts of a family only the ports are looked at. A kernel filter has room for 4096 instructions, and with
 * what older kernels allow for its memory for half of that; one that finds no room runs outside the kernel, for every frame.
 */
const HOSTS_MAX = 8;
/** Beyond this many ports they are not looked at either. */
const PORTS_MAX = 8;

/** UDP ports of VXLAN (RFC 7348; 8472 is what Linux used before) and GENEVE (RFC 8926), as `parsers/net/tunnels` knows them. */
const TUNNEL_PORTS = [4789, 8472, 6081];
/** IPv4 in IP, IPv6 in IP, GRE (which carries ERSPAN). */
const TUNNEL_PROTOCOLS = [4, 41, 47];
/** EtherTypes behind which the decoder finds IP, and whose inside a filter cannot reach in one jump: MPLS, PPPoE. */
const SHIMS = ['0x8847', '0x8848', '0x8864'];

/** Fragments that show no port of their own (RFC 791 section 3.1). */
const LATER_FRAGMENT = 'ip[6:2] & 0x1fff != 0';
/**
 * Hop-by-hop, routing, fragment, authentication and destination headers and mobility (RFC 8200 section 4.1): what stands
 * behind them is not looked for, as a kernel filter has no loops.
 */
const EXTENSIONS = [0, 43, 44, 51, 60, 135].map((next) => `ip6[6] == ${next}`);

/**
 * A pcap filter (pcap-filter(7)) that passes the TCP traffic of the portals, and whatever may hide it: later fragments, IPv6
 * extension headers, VLAN tags (one or two) and, with `tunnels`, what a remote SPAN wraps it in. It may pass more, never less.
 * Throws a `Fault` for a portal that is none.
 */
export function portalFilter({ portals, tunnels }: PortalFilterOptions): TapFilter {
  const wanted = [...hostParts(portals.map(parsePortal))];
  if (tunnels) wanted.push(...tunnelParts());
  const plain = either(wanted);
  const inner = tunnels ? either([...wanted, ...SHIMS.map((type) => `ether proto ${type}`)]) : plain;
  // `vlan` moves every offset to its right, also behind an `or`: what stands untagged comes first.
  return { ethernet: `${inner} or (vlan and (${inner} or (vlan and ${inner})))`, other: plain };
}

/** A filter as an operator wrote it, for every kind of link. */
export function rawFilter(text: string): TapFilter {
  return { ethernet: text, other: text };
}

interface Portal {
  v6: boolean;
  host: string;
  port: number;
}

function parsePortal(text: string): Portal {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d+)$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65535) {
    throw new Fault('local', `${text} is no portal`, 'write 10.0.0.2:3260 or [fd66::2]:3260');
  }
  return parts[1] === undefined ? { v6: false, host: parts[2], port } : { v6: true, host: parts[1], port };
}

/** All hosts with all ports, by family: a host with another one's port passes too, and the filter stays small. */
function hostParts(portals: readonly Portal[]): string[] {
  const ports = [...new Set(portals.map(({ port }) => port))].sort((a, b) => a - b);
  const what = portals.length === 0 || ports.length > PORTS_MAX ? 'tcp' : portList(ports);
  return [false, true].flatMap((v6) => {
    const hosts = [...new Set(portals.filter((portal) => portal.v6 === v6).map(({ host }) => host))];
    if (hosts.length === 0 && portals.length > 0) return [];
    const carried = either([what, ...(v6 ? EXTENSIONS : hidden4())]);
    const anywhere = hosts.length === 0 || hosts.length > HOSTS_MAX || hosts.includes(v6 ? '::' : '0.0.0.0');
    const family = v6 ? 'ip6' : 'ip';
    return [`(${anywhere ? family : either(hosts.map((host) => `${family} host ${host}`))} and ${carried})`];
  });
}

/** IPv4 packets that carry TCP without showing a port: later fragments, and those behind an authentication header. */
function hidden4(): string[] {
  return [`(ip proto 6 and ${LATER_FRAGMENT})`, 'ip proto 51'];
}

function portList(ports: readonly number[]): string {
  return either(ports.map((port) => `tcp port ${port}`));
}

function tunnelParts(): string[] {
  return [
    ...TUNNEL_PORTS.map((port) => `udp dst port ${port}`),
    ...TUNNEL_PROTOCOLS.flatMap((n) => [`ip proto ${n}`, `ip6 proto ${n}`]),
    `(ip proto 17 and ${LATER_FRAGMENT})`,
    ...EXTENSIONS,
  ];
}

function either(parts: readonly string[]): string {
  return parts.length === 1 ? parts[0] : `(${parts.join(' or ')})`;
}
