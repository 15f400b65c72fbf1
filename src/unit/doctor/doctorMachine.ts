import { createRequire } from 'node:module';
import { clockSynchronised } from '../../../hw/hostFacts.ts';
import { loadPcap } from '../../../hw/tap.ts';
import { packageVersion } from '../../../hw/version.ts';
import { Fault } from '../../base/fault.ts';
import type { Config } from '../config/configTypes.ts';
import { about, type Finding } from './doctorTypes.ts';

/** What `engines` in package.json asks for. */
const NODE_LEAST = [20, 19];

/** The program itself: Node, and the optional packages as far as this configuration needs them. */
export async function lookAtProgram(config: Config | undefined): Promise<Finding[]> {
  const node = about('program', 'Node.js');
  const own = about('program', 'tapmirror').ok(`version ${packageVersion()}`);
  const enough = isEnough(process.versions.node);
  const running = enough
    ? node.ok(`version ${process.versions.node}`)
    : node.fail(`version ${process.versions.node} is too old`, `install Node.js ${NODE_LEAST.join('.')} or newer`);
  return [own, running, await pcap(config), ...optionals(config)];
}

/** Whether a version of Node.js, as `20.19.0`, is one that the program runs on. */
export function isEnough(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  return major > NODE_LEAST[0] || (major === NODE_LEAST[0] && minor >= NODE_LEAST[1]);
}

async function pcap(config: Config | undefined): Promise<Finding> {
  const one = about('program', 'optional package pcap');
  const needed = config?.kind === 'live' && config.source?.kind === 'tap';
  try {
    await loadPcap();
    return one.ok('there: a tap can listen');
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { message, mend = '' } = error;
    return needed ? one.fail(message, mend) : one.ok('not there: only a tap needs it');
  }
}

function optionals(config: Config | undefined): Finding[] {
  const live = config?.kind === 'live' ? config : undefined;
  return [
    optional('@serialport/bindings-cpp', 'a bus probe', live?.source?.kind === 'probe'),
    optional('koffi', 'giving space back to file systems (unmap, sparse queues)', false),
  ];
}

function optional(name: string, use: string, needed: boolean): Finding {
  const one = about('program', `optional package ${name}`);
  try {
    createRequire(import.meta.url).resolve(name);
    return one.ok('there');
  } catch {
    if (!needed) return one.ok(`not there: only ${use} needs it`);
    return one.fail(`not there, and ${use} needs it`, 'run `npm ci` again; it says why the package was left out');
  }
}

/** Moments of the past go by the clock; so do certificates. */
export async function lookAtClock(config: Config | undefined): Promise<Finding[]> {
  const one = about('clock');
  const synchronised = await clockSynchronised();
  if (synchronised === true) return [one.ok('kept right by others (NTP)')];
  const live = config?.kind === 'live' ? config : undefined;
  const linked = live?.receive !== undefined || live?.tls !== undefined;
  const mend = 'let chrony, systemd-timesyncd or ntpd keep it: moments of the past and certificates go by it';
  if (synchronised === false) return [one.warn('not synchronised with others (NTP)', mend)];
  const words = 'nothing here tells whether it is kept right (timedatectl, chronyc, ntpq)';
  return [linked ? one.warn(words, mend) : one.ok(words)];
}
