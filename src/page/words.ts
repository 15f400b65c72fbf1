import type { JobStatus } from '../unit/steer/jobs.ts';

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1.5 GiB`: three digits at most before the unit. */
export function bytesWords(bytes: number): string {
  let [value, step] = [bytes, 0];
  while (value >= 1000 && step < STEPS.length - 1) {
    value /= 1024;
    step++;
  }
  return `${step === 0 ? Math.round(value) : digits(value)} ${STEPS[step]}`;
}

export function rateWords(bytesPerSecond: number): string {
  return `${bytesWords(bytesPerSecond)}/s`;
}

export function countWords(value: number): string {
  return Math.round(value).toLocaleString('en');
}

/** `0.3 s`, `12 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`. */
export function secondsWords(seconds: number): string {
  if (seconds === 0) return '0 s';
  if (seconds < 10) return `${seconds < 0.1 ? '<0.1' : seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** `43 %, 1.2 GiB of 2.8 GiB, 51 MiB/s, 32 s left`. */
export function progressWords({ done, total, bytesPerSecond, secondsLeft }: JobStatus): string {
  const share =
    total > 0 ? [`${Math.floor((100 * done) / total)} %`, `${bytesWords(done)} of ${bytesWords(total)}`] : [];
  const rate = bytesPerSecond > 0 ? [rateWords(bytesPerSecond)] : [];
  const left = secondsLeft === null ? [] : [`${secondsWords(secondsLeft)} left`];
  return [...share, ...rate, ...left].join(', ') || 'nobody knows how far it is';
}

/** Local time; with the day where it is not today's. */
export function timeWords(ms: number, nowMs: number): string {
  const [one, now] = [new Date(ms), new Date(nowMs)];
  const time = [one.getHours(), one.getMinutes(), one.getSeconds()].map(two).join(':');
  const sameDay = one.toDateString() === now.toDateString();
  return sameDay ? time : `${one.getFullYear()}-${two(one.getMonth() + 1)}-${two(one.getDate())} ${time}`;
}

/** `1 mirror`, `2 mirrors`. */
export function many(count: number, one: string): string {
  return `${countWords(count)} ${one}${count === 1 ? '' : 's'}`;
}

/** What is short enough for a drawing of what a URL names; its whole is shown elsewhere. */
export function shortName(url: string): string {
  if (url.startsWith('file:')) return url.slice(5).split('/').at(-1) || url;
  const rest = url.replace(/^[a-z]+:\/\//, '');
  const slash = rest.indexOf('/');
  return slash < 0 ? rest : `${rest.slice(slash + 1)} at ${rest.slice(0, slash)}`;
}

function digits(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
