import type { Payload } from './change.ts';
import { Fault } from './fault.ts';

/** One block repeated. The array is asked for first: every array has a method `fill`. */
export function isFill(payload: Payload): payload is { readonly fill: Uint8Array } {
  return typeof payload === 'object' && !Array.isArray(payload) && 'fill' in payload;
}

/** Bytes to be ORed into what lies there. */
export function isOr(payload: Payload): payload is { readonly or: readonly Uint8Array[] } {
  return typeof payload === 'object' && !Array.isArray(payload) && 'or' in payload;
}

/** ORs what stands from byte `from` on in `parts`, taken as one run, into all of `target`. */
export function orInto(target: Uint8Array, parts: readonly Uint8Array[], from: number): void {
  let done = 0;
  let skip = from;
  for (const part of parts) {
    const end = Math.min(part.length, skip + target.length - done);
    for (let i = skip; i < end; i++) target[done++] |= part[i];
    skip = Math.max(0, skip - part.length);
  }
  if (done < target.length) throw new Fault('bug', `${target.length - done} bytes too few to OR`);
}
