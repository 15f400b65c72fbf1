import assert from 'node:assert/strict';
import { outcome } from './processes.ts';
import type { LogLine, Unit } from './unit.ts';

/** Where a unit of these tests serves its metrics, in its own namespace. */
export const WEB = '127.0.0.1:14790';
/** A unit is built to tell any fault within 5 s; that much more is given to a machine which is busy with other things. */
const TOLD_MS = 15_000;

/** Asks the pages until both tell the same faults, those wanted among them (or, where none is wanted, none at all). */
const WATCH = `
const [wanted, end] = [process.argv[1], Date.now() + ${TOLD_MS}];
const get = async (page) => (await fetch('http://${WEB}/' + page)).text();
const wrongOf = ({ first, mirrors }) => [
  first.error?.message,
  ...mirrors.flatMap(({ error, link }) => [
    error?.message,
    link?.paused,
    link?.connected === false ? link.lastFault : undefined,
  ]),
];
const label = (line) => JSON.parse(line.replace(/^.*message=/, '').replace(/\\} 1$/, ''));
const look = async () => {
  const [metrics, status] = await Promise.all([get('metrics'), get('status.json')]);
  const faults = metrics.split('\\n').filter((line) => line.startsWith('tapmirror_fault{')).map(label);
  const { source, buffer, volumes } = JSON.parse(status);
  const all = [source.error?.message, buffer.error?.message, ...volumes.flatMap(wrongOf)];
  const words = [...new Set(all.filter((one) => one !== undefined))];
  const same = JSON.stringify([...new Set(faults)].sort()) === JSON.stringify(words.sort());
  const there = wanted === '' ? words.length === 0 : words.some((one) => one.includes(wanted));
  if (same && there) return;
  if (Date.now() > end) throw new Error(JSON.stringify({ faults, words }));
  setTimeout(look, 50);
};
look();
`;

/** Resolves once a fault with these words is in the metrics and in the page's status of a unit in this namespace. */
export async function shown(space: string, words: string): Promise<void> {
  const { code, err } = await outcome(space, [process.execPath, '-e', WATCH, words]);
  assert.equal(code, 0, `wanted: ${words}\n${err}`);
}

/** The unit's own clock says that it told this soon enough after `since` (of `Date.now`). */
export function toldSoon({ timestamp, text, why }: LogLine, since: number): void {
  const ms = Date.parse(timestamp) - since;
  assert.ok(ms < TOLD_MS, `told after ${ms / 1000} s: ${text ?? why}`);
}

/** Resolves once they tell of no fault any more. */
export async function gone(space: string): Promise<void> {
  await shown(space, '');
}

/** What `status` says is wrong with the bus, the mirrors, and the first volume, of a unit. */
export async function wrong(unit: Unit): Promise<string[]> {
  const { source, buffer, volumes } = await unit.status();
  const own = [source.error?.message, buffer.error?.message].filter((one) => one !== undefined);
  const all = volumes.flatMap(({ first, mirrors }) => [
    ...(first.error ? [first.error.message] : []),
    ...mirrors.flatMap(({ error, link }) => [
      ...(error ? [error.message] : []),
      ...(link?.connected === false && link.lastFault !== undefined ? [link.lastFault] : []),
      ...(link?.paused === undefined ? [] : [link.paused]),
    ]),
  ]);
  return [...own, ...all];
}
