import type { ControlJob } from '../../../hw/controlServer.ts';
import type { ControlRequest } from '../../../hw/controlWire.ts';
import { LOG_LEVELS, type LogLevel } from '../../../hw/logLevel.ts';
import { Fault } from '../../base/fault.ts';
import type { MirrorScope, SetOrder, Steering } from './steerTypes.ts';

/** What is asked of a unit to steer it. */
export const STEERING = ['pause', 'resume', 'resync', 'jobs', 'cancel', 'set', 'drain'] as const;

const WORDS_MAX = 1024;
const BY_MAX = 64;
const DRAIN_MS = 60 * 60_000;
const DRAIN_MS_MAX = 7 * 24 * 60 * 60_000;
/** A job says so often how far it is, even when it is not further. */
const TELL_MS = 1000;
const MEND = 'use the tapmirror of this version';

/** The answer to such a request; undefined where it is none. Throws, or rejects with, a `Fault`. */
export function steered(steer: Steering, request: ControlRequest, job: ControlJob): unknown {
  switch (request.do) {
    case 'pause':
      return steer.pause(scopeOf(request), byOf(request.by));
    case 'resume':
      return steer.resume(scopeOf(request), byOf(request.by));
    case 'resync':
      return steer.resync(scopeOf(request), request.whole === true);
    case 'jobs':
      return { jobs: steer.jobs() };
    case 'cancel':
      return steer.cancel(wordOf(request.id, 'id') ?? '');
    case 'set':
      return steer.set(setOf(request));
    case 'drain':
      return drained(steer, withinOf(request.withinMs), job);
    default:
      return undefined;
  }
}

/** Whoever asked is told that it goes on. */
async function drained(steer: Steering, withinMs: number, job: ControlJob): Promise<unknown> {
  const timer = setInterval(() => job.progress({ done: 0, total: 0 }), TELL_MS);
  try {
    return await steer.drain(withinMs);
  } finally {
    clearInterval(timer);
  }
}

function scopeOf({ volume, mirror }: ControlRequest): MirrorScope {
  return { volume: wordOf(volume, 'volume'), mirror: wordOf(mirror, 'mirror') };
}

function setOf({ throttle, logLevel }: ControlRequest): SetOrder {
  if (throttle === undefined && logLevel === undefined) throw new Fault('peer', 'nothing is to be set', MEND);
  const sound = throttle === undefined || throttle === null || (Number.isSafeInteger(throttle) && Number(throttle) > 0);
  if (!sound) throw new Fault('peer', 'the throttle is no count of bytes a second', MEND);
  const level = LOG_LEVELS.find((one) => one === logLevel);
  if (logLevel !== undefined && level === undefined) {
    throw new Fault('peer', 'there is no such level of the log', `name one of: ${LOG_LEVELS.join(', ')}`);
  }
  return {
    ...(throttle === undefined ? {} : { throttle: throttle as number | null }),
    ...(level === undefined ? {} : { logLevel: level as LogLevel }),
  };
}

function withinOf(value: unknown): number {
  if (value === undefined) return DRAIN_MS;
  const ms = Number(value);
  if (Number.isSafeInteger(value) && ms > 0 && ms <= DRAIN_MS_MAX) return ms;
  throw new Fault('peer', 'that is no time to drain in', 'at most a week, in milliseconds');
}

/** Who wants it, as they call themselves: it is shown to others. */
export function byOf(value: unknown): string {
  const by = wordOf(value, 'by') ?? '';
  return by.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '').slice(0, BY_MAX) || 'somebody';
}

export function wordOf(value: unknown, what: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= WORDS_MAX) return value;
  throw new Fault('peer', `"${what}" is not a text that a unit takes`, MEND);
}
