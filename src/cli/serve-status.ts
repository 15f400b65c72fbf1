import { columns, paint, type Terminal } from './draw.ts';
import { plain, sizeWords } from './draw-words.ts';

type Keys = Readonly<Record<string, unknown>>;

/** What a unit serves, as it answered; it may be of another version. */
export interface ServeRead {
  portals: string[];
  luns: { name: string; bytes: number; writable: boolean; dirtyBytes: number; reserved: boolean; hosts: number }[];
  absent: { name: string; why: string }[];
}

/** What is missing takes its empty value. */
export function readServe(answer: unknown): ServeRead {
  const { portals, luns, absent, sessions } = keys(answer);
  const logins = list(sessions).map((one) => text(one.target));
  return {
    portals: Array.isArray(portals) ? portals.map(text) : [],
    luns: list(luns).map(({ target, lun, bytes, writable, dirtyBytes, reserved }) => ({
      name: `${text(target)}/${count(lun)}`,
      bytes: count(bytes),
      writable: writable === true,
      dirtyBytes: count(dirtyBytes),
      reserved: reserved === true,
      hosts: logins.filter((one) => one === text(target)).length,
    })),
    absent: list(absent).map(({ target, lun, why }) => ({ name: `${text(target)}/${count(lun)}`, why: text(why) })),
  };
}

/** A logical unit a row; those that are missing below. */
export function serveLines({ portals, luns, absent }: ServeRead, terminal: Terminal): string[] {
  const rows = columns([
    ['  LOGICAL UNIT', 'SIZE', 'ACCESS', 'SESSIONS', 'NOT DURABLE'],
    ...luns.map(({ name, bytes, writable, dirtyBytes, reserved, hosts }) => [
      `  ${plain(name)}`,
      sizeWords(bytes),
      `${writable ? 'writable' : 'read-only'}${reserved ? ', reserved' : ''}`,
      String(hosts),
      sizeWords(dirtyBytes),
    ]),
  ]);
  return [
    paint(`served at ${plain(portals.join(', '))}`, 'bold', terminal),
    ...(luns.length > 0 ? rows : []),
    ...absent.map(({ name, why }) => paint(`  ${plain(name)} is missing: ${plain(why)}`, 'yellow', terminal)),
  ];
}

function keys(value: unknown): Keys {
  return typeof value === 'object' && value !== null ? (value as Keys) : {};
}

function list(value: unknown): Keys[] {
  return Array.isArray(value) ? value.map(keys) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : 0;
}
