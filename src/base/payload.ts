import type { Payload } from './change.ts';

/** One block repeated. Not asked by `'fill' in payload`: every array has a method of that name. */
export function isFill(payload: Payload): payload is { readonly fill: Uint8Array } {
  return typeof payload === 'object' && !Array.isArray(payload);
}
