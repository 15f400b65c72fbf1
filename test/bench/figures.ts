/** What benches share: medians, whole processes that are timed, and turns that are fair to everybody. */
import { spawnSync } from 'node:child_process';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Between which two values the median of what was sampled lies, in 95 of 100 cases (order statistics, by the binomial). */
export function medianBetween(values: readonly number[]): [low: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  let [below, share] = [0, 0.5 ** n];
  for (let k = 0, sum = share; sum <= 0.025 && k < n / 2; k++) {
    below = k;
    share = (share * (n - k)) / (k + 1);
    sum += share;
  }
  return [sorted[below], sorted[n - 1 - below]];
}

/** What a whole process took. */
export interface Run {
  seconds: number;
  /** Its memory at its highest. */
  mebibytes: number;
}

/** Runs a program to its end. Needs GNU time. */
export function timed(words: readonly string[]): Run {
  const started = process.hrtime.bigint();
  const child = spawnSync('/usr/bin/time', ['-f', '%M', ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const said = child.stderr?.toString().trim() ?? String(child.error);
  if (child.status !== 0) throw new Error(`${words[0]} ended with ${child.status}: ${said}`);
  return { seconds, mebibytes: Number(said.split('\n').at(-1)) / 1024 };
}

/**
 * Measures every path with every pattern in each round. What it resolves with tells the figures of a path by patterns, in the
 * order of rounds.
 */
export async function inTurn<Path, Pattern, Figures>(
  rounds: number,
  paths: readonly Path[],
  patterns: readonly Pattern[],
  measure: (pattern: Pattern, path: Path) => Figures | Promise<Figures>,
): Promise<(path: Path) => readonly Figures[][]> {
  const seen = new Map<Path, Figures[][]>(paths.map((path) => [path, patterns.map(() => [])]));
  for (let round = 0; round < rounds; round++) {
    for (const [p, pattern] of patterns.entries()) {
      // The first and the last of a round are not always the same.
      const order = round % 2 === 0 ? paths : paths.toReversed();
      for (const path of order) seen.get(path)?.[p].push(await measure(pattern, path));
    }
  }
  return (path) => seen.get(path) ?? [];
}
