import { chmod, lchown, readFile, stat } from 'node:fs/promises';
import { Fault } from '../src/base/fault.ts';
import { capabilities, tool } from './hostFacts.ts';

/** The group may ask as well as the user (`controlGroup`). */
const SHARED_MODE = 0o660;

/** The number of a group by its name, or by its number itself; undefined where there is none. */
export async function groupId(name: string): Promise<number | undefined> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  // Groups may come from a directory service; without getent only those of this machine's own file are known.
  const told = (await tool('getent', ['group', name])) ?? (await readFile('/etc/group', 'utf8').catch(() => ''));
  const line = told.split('\n').find((one) => one.startsWith(`${name}:`));
  const id = Number(line?.split(':')[2] || 'none');
  return Number.isSafeInteger(id) ? id : undefined;
}

/** The number of a group that this process may give files to. Rejects with a `Fault` where it may not, or there is none. */
export async function givenGroup(name: string): Promise<number> {
  const id = await groupId(name);
  if (id === undefined) {
    const mend = `make it (groupadd --system ${name}), or name another in "controlGroup"`;
    throw new Fault('local', `there is no group ${name}`, mend);
  }
  const own = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  const may = capabilities()?.chown ?? process.geteuid?.() === 0;
  if (may || own.includes(id)) return id;
  const mend = `make it one (usermod -aG ${name} USER; under systemd SupplementaryGroups=${name} in the service)`;
  throw new Fault(
    'local',
    `the control socket may not be given to the group ${name}: this user is no member of it`,
    mend,
  );
}

/** Whether members of a group, who are nobody else's friends, may go through a folder; undefined where it is not there yet. */
export async function maySearch(folder: string, group: number): Promise<boolean | undefined> {
  const status = await stat(folder).catch(() => undefined);
  if (status === undefined) return undefined;
  return (status.mode & (status.gid === group ? 0o010 : 0o001)) !== 0;
}

/** Gives a socket that only its user may use to a group as well. Rejects with a `Fault`. */
export async function shareSocket(path: string, group: string): Promise<void> {
  const id = await givenGroup(group);
  try {
    await lchown(path, process.geteuid?.() ?? 0, id);
    await chmod(path, SHARED_MODE);
  } catch (cause) {
    const { message } = cause as Error;
    const what = `the control socket ${path} cannot be given to the group ${group}: ${message}`;
    throw new Fault('local', what, 'name another path in "control", or leave "controlGroup" out', { cause });
  }
}
