import { boundBeyond, type LinkBeyond } from '../../../parsers/formats/linkBeyond.ts';
import type { MirrorStatus } from '../watch/status.ts';

/** States are told again so soon, and how far mirrors are behind so often, while that changes. */
const STATES_NS = 1e9;
const BYTES_NS = 5e9;

/** Mirrors of a volume as a sender of it is told of them. */
export function beyondOf(mirrors: readonly MirrorStatus[]): LinkBeyond[] {
  return boundBeyond(mirrors.map(beyondOne));
}

function beyondOne({ to, state, behindBytes, error, link }: MirrorStatus): LinkBeyond {
  const why = error?.message ?? link?.paused ?? (link?.connected === false ? link.lastFault : undefined);
  return {
    to,
    state,
    behindBytes,
    ...(why === undefined ? {} : { why }),
    ...(link?.connected && link.peer !== '' ? { peer: link.peer } : {}),
    ...(link?.beyond === undefined ? {} : { beyond: link.beyond }),
  };
}

/** What of that is news to who was told before. Nobody is told much: the link may be a thin one. */
export class BeyondNews {
  #states = '';
  #whole = '';
  #at = Number.NEGATIVE_INFINITY;

  /** False while it is too soon for anything. */
  ripe(now: number): boolean {
    return now - this.#at >= STATES_NS;
  }

  /** True once it is to be told, as it then counts as told. */
  due(beyond: readonly LinkBeyond[], now: number): boolean {
    if (!this.ripe(now)) return false;
    const states = JSON.stringify(beyond, (key, value) => (key === 'behindBytes' ? undefined : value));
    const whole = JSON.stringify(beyond);
    const changed = states !== this.#states || (whole !== this.#whole && now - this.#at >= BYTES_NS);
    if (!changed) return false;
    this.#states = states;
    this.#whole = whole;
    this.#at = now;
    return true;
  }
}
