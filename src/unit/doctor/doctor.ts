import { packageVersion } from '../../../hw/version.ts';
import { Fault } from '../../base/fault.ts';
import { loadAny } from '../config/config.ts';
import { ConfigFault } from '../config/configFault.ts';
import type { Config, LiveConfig } from '../config/configTypes.ts';
import { changedStatus, changedWords } from '../steer/mirrorChangesWords.ts';
import type { UnitStatus } from '../watch/status.ts';
import type { SeenPaths } from './doctorPaths.ts';
import { lookAtPorts, type PortReport } from './doctorPorts.ts';
import { about, type DoctorReport, type Finding, type FindingCheck, worstOf } from './doctorTypes.ts';

export interface DoctorOptions {
  /** The unit's configuration; without it only the machine is looked at. */
  config?: string | undefined;
  /** Serial ports to look at; none: all that a probe may be plugged into. */
  ports?: readonly string[] | undefined;
  /** So long it listens at the interfaces of a tap; absent: it asks the unit that runs. */
  listenMs?: number | undefined;
  nowMs: number;
}

/**
 * Looks at everything that a unit needs, and at the unit if it runs. Nothing is changed, locked or reserved. What is wrong is
 * in the findings; rejects only for what is a mistake of the program.
 */
export async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { config, findings: read } = await configuration(options.config);
  const machine = await import('./doctorMachine.ts');
  const [program, clock, ports, rest] = await Promise.all([
    guard('program', () => machine.lookAtProgram(config)),
    guard('clock', () => machine.lookAtClock(config)),
    lookAtPorts(options.ports),
    config === undefined ? [] : lookAtConfigured(config, options),
  ]);
  const findings = [...read, ...program, ...clock, ...rest, ...probe(config, ports)];
  return { version: packageVersion(), level: worstOf(findings), findings, ports };
}

async function configuration(path: string | undefined): Promise<{ config?: Config; findings: Finding[] }> {
  if (path === undefined) return { findings: [] };
  const one = about('configuration', path);
  try {
    const { config, changed } = await loadAny(path);
    const warnings = config.kind === 'live' ? config.warnings : [];
    const mend = 'see the words';
    const warned = warnings.map((text) => {
      const [words, ...rest] = text.split('; ');
      return one.warn(words, rest.join('; ') || mend);
    });
    const differs = changed.map((mirror) => {
      const { words, mend } = changedWords(changedStatus(mirror));
      return one.warn(words, mend);
    });
    return { config, findings: [one.ok('it can be read, and is right in itself'), ...warned, ...differs] };
  } catch (error) {
    if (error instanceof ConfigFault) {
      const split = error.mistakes.map((line) => /^(.*?); (.*)$/s.exec(line) ?? [line, line, 'see `run --help`']);
      return { findings: split.map(([, words, mend]) => one.fail(words, mend)) };
    }
    if (!(error instanceof Fault) || error.blame === 'bug') throw error;
    return { findings: [one.fail(error.message, error.mend ?? 'name another file')] };
  }
}

async function lookAtConfigured(config: Config, options: DoctorOptions): Promise<Finding[]> {
  const media = import('./doctorMedia.ts').then((room) => guard('volume', () => room.lookAtMedia(config)));
  if (config.kind === 'replay') return media;
  const unit = await import('./doctorUnit.ts');
  const { finding, status } = await unit.askUnit(config);
  const [links, space, control, interfaces, paths, looked] = await Promise.all([
    lookAtNetwork(config, options.nowMs, status !== undefined),
    import('./doctorSpace.ts').then((room) => guard('space', () => room.lookAtSpace(config))),
    import('./doctorControl.ts').then((room) => guard('permissions', () => room.lookAtControl(config))),
    lookAtTap(config),
    guard('path', () => lookAtBus(config, status, options.listenMs)),
    media,
  ]);
  const said = status === undefined ? [] : unit.lookAtStatus(status);
  return [finding, ...interfaces, ...control, ...space, ...links, ...looked, ...paths, ...said];
}

async function lookAtNetwork(config: LiveConfig, nowMs: number, running: boolean): Promise<Finding[]> {
  const { lookAtCertificates, lookAtLinks, lookAtPortals } = await import('./doctorLinks.ts');
  const [portals, links] = await Promise.all([
    guard('portal', () => lookAtPortals(config, running)),
    guard('link', () => lookAtLinks(config)),
  ]);
  return [...portals, ...lookAtCertificates(config, nowMs), ...links];
}

async function lookAtTap({ source }: LiveConfig): Promise<Finding[]> {
  if (source?.kind !== 'tap') return [];
  const { lookAtInterfaces } = await import('./doctorInterfaces.ts');
  return guard('interface', () => lookAtInterfaces(source));
}

async function lookAtBus(
  config: LiveConfig,
  status: UnitStatus | undefined,
  listenMs: number | undefined,
): Promise<Finding[]> {
  const [{ lookAtPaths }, { lookAtOffers }] = await Promise.all([
    import('./doctorPaths.ts'),
    import('./doctorOffers.ts'),
  ]);
  const seen = await seenPaths(config, status, listenMs);
  const offers = await guard('path', () => lookAtOffers(config, seen));
  return seen === undefined ? offers : [...lookAtPaths(config, seen), ...offers];
}

/** By ears of its own, or those of the unit; undefined where neither tells. */
async function seenPaths(
  config: LiveConfig,
  status: UnitStatus | undefined,
  listenMs: number | undefined,
): Promise<SeenPaths | undefined> {
  const { source } = config;
  if (listenMs !== undefined && source?.kind === 'tap') {
    const { listenForPaths } = await import('./doctorListen.ts');
    return listenForPaths(config, source, listenMs);
  }
  const { sessions, others } = (status?.source ?? {}) as Partial<SeenPaths>;
  // A parallel bus has no sessions; an older unit does not tell.
  return sessions === undefined || others === undefined ? undefined : { by: 'unit', sessions, others };
}

function probe(config: Config | undefined, ports: readonly PortReport[]): Finding[] {
  const source = config?.kind === 'live' ? config.source : undefined;
  if (source?.kind !== 'probe') return [];
  const one = about('interface', source.port);
  const port = ports.find(({ port: name }) => name === source.port);
  if (port?.fault) return [one.fail(port.fault.message, port.fault.mend)];
  if (port?.probe) return [one.ok(`the probe ${port.probe.name} answers`)];
  return [one.fail('no probe answers there', 'plug it in; `tapmirror doctor` lists the serial ports')];
}

/** What cannot be looked at is a finding, too. */
async function guard(check: FindingCheck, look: () => Promise<Finding[]> | Finding[]): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof Fault) || error.blame === 'bug') throw error;
    return [about(check).fail(error.message, error.mend ?? 'see the words')];
  }
}
