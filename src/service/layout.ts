import { monitoringFiles } from '../operate/monitoring.ts';
import { EXAMPLES } from './examples.ts';
import { nicUnitFile, type ServiceOptions, unitFile } from './unitFile.ts';

/** A file of the service, by its absolute path, with mode 0644. */
export interface Laid {
  path: string;
  text: string;
}

/** Where the parts go: an administrator's places, or those of a distribution's package. */
export type Place = 'local' | 'package';

const PLACES: Readonly<Record<Place, { lib: string; units: string; examples: string; monitoring: string }>> = {
  local: {
    lib: '/etc',
    units: '/etc/systemd/system',
    examples: '/etc/tapmirror/examples',
    // Not below /etc/tapmirror: whoever monitors is another user.
    monitoring: '/usr/local/share/tapmirror',
  },
  package: {
    lib: '/usr/lib',
    units: '/usr/lib/systemd/system',
    examples: '/usr/share/doc/tapmirror/examples',
    monitoring: '/usr/share/tapmirror',
  },
};

/** A user's name as systemd takes it without a complaint. */
export const USER_NAME: RegExp = /^[a-z_][a-z0-9_-]{0,30}$/;

/** Everything that the service consists of, besides the program itself. */
export function serviceFiles(options: ServiceOptions, place: Place): Laid[] {
  const { lib, units, examples, monitoring } = PLACES[place];
  return [
    { path: `${units}/tapmirror@.service`, text: unitFile(options) },
    { path: `${units}/tapmirror-nic@.service`, text: nicUnitFile(options) },
    { path: `${lib}/sysusers.d/tapmirror.conf`, text: sysusers(options) },
    { path: `${lib}/tmpfiles.d/tapmirror.conf`, text: tmpfiles(options) },
    ...Object.entries(EXAMPLES).map(([name, text]) => ({ path: `${examples}/${name}`, text })),
    ...monitoringFiles(monitoring),
  ];
}

/** Folders of `tapmirror install` alone, which go with the last of what lies in them. */
export const OWN: readonly string[] = [PLACES.local.examples, PLACES.local.monitoring];

/** Configuration with its secrets, state, and what else is an administrator's: gone only with a purge. */
export const KEPT: readonly string[] = ['/etc/tapmirror', '/var/lib/tapmirror'];

/** sysusers.d(5): an ordinary user, who cannot log in, and a group of the same name. */
function sysusers({ user }: ServiceOptions): string {
  return `u ${user} - "tapmirror mirroring units" /var/lib/tapmirror\n`;
}

/** tmpfiles.d(5): configurations are root's and readable by the user, for they may name secrets; the rest is the user's. */
function tmpfiles({ user }: ServiceOptions): string {
  return [
    `d /etc/tapmirror 0750 root ${user} -`,
    `d /var/lib/tapmirror 0750 ${user} ${user} -`,
    // Sockets with rights of their own: `controlGroup`.
    `d /run/tapmirror 0755 ${user} ${user} -`,
    '',
  ].join('\n');
}
