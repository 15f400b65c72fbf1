import type { ChangedMirror } from '../../../hw/changedFile.ts';
import type { ChangedStatus } from './mirrorChangesTypes.ts';

/** What the entry of the configuration would be, in JSON, which YAML takes as well. */
export function changedStatus({ volume, mirror, change, as, by, at }: ChangedMirror): ChangedStatus {
  const line = JSON.stringify(change === 'added' ? as : mirror);
  return { volume, mirror, change, by, at, line };
}

/** For people, with what to do so that the configuration says the same. */
export function changedWords({ volume, mirror, change, by, at, line }: ChangedStatus): { words: string; mend: string } {
  const who = `${mirror} was ${change} by ${by} at ${at}`;
  return change === 'added'
    ? {
        words: `${volume}: ${who}, and the configuration does not have it`,
        mend: `write ${line} into "mirrors" of this volume`,
      }
    : {
        words: `${volume}: ${who}, and the configuration still has it`,
        mend: `take ${line} out of "mirrors" of this volume`,
      };
}
