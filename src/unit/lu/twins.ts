import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { LateVolume } from './lateVolume.ts';

/** A volume under the name that the operator gave it. */
export interface NamedVolume {
  name: string;
  volume: Volume;
}

/**
 * Throws when two of the volumes are one medium (B6b): a mirror that is the first volume would write over what it reads,
 * and two mirrors on one file would each undo the other. Both names are in the message.
 */
export function refuseTwins(volumes: readonly NamedVolume[]): void {
  const names = new Map<string, string>();
  for (const { name, volume } of volumes) {
    const { kind, id } = volume.identity();
    const key = `${kind} ${id}`;
    const twin = names.get(key);
    if (twin !== undefined) {
      const both = twin === name ? `${name} is named twice` : `${twin} and ${name} are one medium (${id})`;
      throw new Fault('local', both, 'give each mirror a medium of its own, and none the first volume');
    }
    names.set(key, name);
  }
}

/** All media that a unit has opened, or will open, whatever for. */
export class OpenMedia {
  readonly #all: { name: string; volume: LateVolume }[] = [];

  add(name: string, volume: LateVolume): void {
    this.#all.push({ name, volume });
  }

  remove(volume: Volume): void {
    const at = this.#all.findIndex((one) => one.volume === volume);
    if (at >= 0) this.#all.splice(at, 1);
  }

  /** What throws a `Fault` for a medium, opened under this name, that is one of those that are open already. */
  checkOf(name: string): (volume: Volume) => void {
    return (volume) => {
      const others = this.#all.filter((other) => other.volume.opened);
      refuseTwins([...others, { name, volume }]);
    };
  }
}
