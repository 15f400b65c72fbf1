/** A value, or nothing where it is not known. */
export type Values = readonly (number | null)[];

/** The smallest of 1, 2, 5 times a power of ten that is not below. */
export function niceTop(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return step * power;
}

/** The smallest power of two that is not below, and not below 1. */
export function binaryTop(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}

/** The highest value, and where it is; undefined where none is known. */
export function highest(values: Values): { value: number; at: number } | undefined {
  let found: { value: number; at: number } | undefined;
  values.forEach((value, at) => {
    if (value !== null && (found === undefined || value >= found.value)) found = { value, at };
  });
  return found;
}

/** The newest value that is known. */
export function newest(values: Values): number | undefined {
  return values.findLast((value) => value !== null) ?? undefined;
}

/** Runs of values that are known, as `[first, end)`. */
export function knownRuns(values: Values): [first: number, end: number][] {
  const runs: [number, number][] = [];
  values.forEach((value, at) => {
    if (value === null) return;
    const last = runs.at(-1);
    if (last && last[1] === at) last[1] = at + 1;
    else runs.push([at, at + 1]);
  });
  return runs;
}

/** Path data of a line through `width` x `height`, its highest value `top`; broken where nothing is known. */
export function linePath(values: Values, width: number, height: number, top: number): string {
  const place = placeOf(values, width, height, top);
  return knownRuns(values)
    .map(([first, end]) => {
      const points = Array.from({ length: end - first }, (_, i) => place(first + i)).join('L');
      // A single value is a dot: a line of no length with round ends.
      return `M${points}${end - first === 1 ? 'h0' : ''}`;
    })
    .join('');
}

/** The same, down to the ground. */
export function areaPath(values: Values, width: number, height: number, top: number): string {
  const place = placeOf(values, width, height, top);
  const x = (at: number): string => place(at).split(',')[0];
  return knownRuns(values)
    .map(([first, end]) => {
      const points = Array.from({ length: end - first }, (_, i) => place(first + i)).join('L');
      return `M${x(first)},${height}L${points}L${x(end - 1)},${height}Z`;
    })
    .join('');
}

function placeOf(values: Values, width: number, height: number, top: number): (at: number) => string {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return (at) => {
    const share = Math.min(1, Math.max(0, (values[at] ?? 0) / top));
    return `${Math.round(at * step * 10) / 10},${Math.round((1 - share) * height * 10) / 10}`;
  };
}

export interface Run {
  first: number;
  end: number;
  /** 1 to `levels`. */
  level: number;
}

/** Neighbouring bins of one level; bins of 0 are in none. A level is reached by `levels` equal steps of the logarithm below `top`. */
export function levelRuns(bins: readonly number[], levels: number, top: number): Run[] {
  const runs: Run[] = [];
  bins.forEach((value, at) => {
    if (value <= 0) return;
    const depth = Math.log2(Math.max(1, top / value)) / 2;
    const level = Math.max(1, levels - Math.floor(depth));
    const last = runs.at(-1);
    if (last && last.end === at && last.level === level) last.end = at + 1;
    else runs.push({ first: at, end: at + 1, level });
  });
  return runs;
}

/** Path data of runs as boxes of a lane that is `count` bins wide. */
export function boxesPath(runs: readonly Run[], count: number, width: number, height: number): string {
  const scale = width / count;
  return runs
    .map(({ first, end }) => {
      // Whatever is there can be seen, however small it is.
      const size = Math.max(1, (end - first) * scale);
      const from = Math.min(first * scale, width - size);
      return `M${from.toFixed(1)},0h${size.toFixed(1)}v${height}h-${size.toFixed(1)}Z`;
    })
    .join('');
}

/** Regions of neighbouring bins that are not 0, with their sums; largest first. */
export function regions(bins: readonly number[], most: number): { first: number; end: number; sum: number }[] {
  const all: { first: number; end: number; sum: number }[] = [];
  bins.forEach((value, at) => {
    if (value <= 0) return;
    const last = all.at(-1);
    if (last && last.end === at) {
      last.end = at + 1;
      last.sum += value;
    } else all.push({ first: at, end: at + 1, sum: value });
  });
  return all.sort((a, b) => b.sum - a.sum).slice(0, most);
}
