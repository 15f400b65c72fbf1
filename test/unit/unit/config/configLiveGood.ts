export const LU = 'iqn.2024-01.lab.example:live/1';
export const FIRST = `iscsi://10.66.0.2:3260/${LU}`;
export const SECOND = 'iscsi://127.0.0.1:3271/iqn.2024-01.lab.example:live-second/1';
export const TAP = { interfaces: ['t0'], portals: ['10.66.0.2:3260'] };

/** A configuration that is right, but for these changes of it and of its volume. */
export function good(changes: object = {}, volume: object = {}): Record<string, unknown> {
  return {
    source: { tap: TAP },
    state: 'state',
    volumes: [{ lu: LU, first: FIRST, mirrors: [SECOND], ...volume }],
    ...changes,
  };
}

/** A mirror with the given keys beside its URL. */
export function login(keys: object, to = SECOND): Record<string, unknown> {
  return good({}, { mirrors: [{ to, ...keys }] });
}
