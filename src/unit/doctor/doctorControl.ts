import { dirname } from 'node:path';
import { givenGroup, maySearch } from '../../../hw/controlGroup.ts';
import { Fault } from '../../base/fault.ts';
import type { LiveConfig } from '../config/configTypes.ts';
import { about, type Finding } from './doctorTypes.ts';

/** Whether the members of `controlGroup` can have the socket, and come to it. */
export async function lookAtControl({ control, controlGroup: group }: LiveConfig): Promise<Finding[]> {
  if (group === undefined) return [];
  const one = about('permissions', control);
  try {
    const id = await givenGroup(group);
    for (const folder of foldersAbove(control)) {
      if ((await maySearch(folder, id)) !== false) continue;
      const mend = `name a "control" elsewhere, such as /run/tapmirror/NAME.sock, or chgrp ${group} ${folder} and chmod g+x`;
      return [one.fail(`members of the group ${group} cannot reach it: ${folder} is closed to them`, mend)];
    }
    return [one.ok(`members of the group ${group} may use it`)];
  } catch (error) {
    if (!(error instanceof Fault) || error.blame === 'bug') throw error;
    return [one.fail(error.message, error.mend ?? 'name another in "controlGroup"')];
  }
}

/** From the root on. */
function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...foldersAbove(above), above];
}
