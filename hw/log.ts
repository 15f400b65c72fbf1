import winston from 'winston';
import type { LogLevel } from './logLevel.ts';

export type { LogLevel } from './logLevel.ts';

export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Structured lines for people who keep logs: one JSON object each, with `timestamp`, `level`, `message` and fields. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** Its level may be changed while it is written. */
export interface LevelledLog extends Log {
  level: LogLevel;
}

/** A log of `level` and worse onto `stream`. */
export function openLog(level: LogLevel, stream: NodeJS.WritableStream): LevelledLog {
  const logger = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Stream({ stream })],
  });
  const line = (at: LogLevel) => (message: string, fields?: LogFields) => {
    logger.log({ ...fields, level: at, message });
  };
  return {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    get level() {
      return logger.level as LogLevel;
    },
    set level(wanted) {
      logger.level = wanted;
    },
  };
}

/** Calls back once after `ms`; the returned function prevents it. */
export type Later = (callback: () => void, ms: number) => () => void;

const EVERY_MS = 10_000;
/** Texts that are remembered at one time; a flood of different ones makes the oldest forgotten. */
const TEXTS_MAX = 1000;

interface Repeat {
  held: number;
  last: () => void;
  cancel: () => void;
}

/**
 * The same log where each text comes at most once in ten seconds: the first at once, and if it came again meanwhile the
 * last of them when the time is over, with the count of those since the first in `repeated`. For notices, whose number the
 * bus or a peer decides; not for changes of state, which are told each.
 */
export function limitRepeats(log: Log, later: Later = unreferenced): Log & { flush(): void } {
  const known = new Map<string, Repeat>();
  const remember = (key: string): void => {
    const over = (): void => {
      if (tell(key)) remember(key);
    };
    known.set(key, { held: 0, last: () => {}, cancel: later(over, EVERY_MS) });
  };
  /** Forgets the text; true when there was something held back to tell. */
  const tell = (key: string): boolean => {
    const repeat = known.get(key);
    known.delete(key);
    repeat?.cancel();
    if (repeat === undefined || repeat.held === 0) return false;
    repeat.last();
    return true;
  };
  const line = (level: LogLevel) => (message: string, fields?: LogFields) => {
    // A notice may stand in a field of its own.
    const key = `${level} ${message} ${fields?.text ?? ''}`;
    const repeat = known.get(key);
    if (repeat === undefined) {
      if (known.size >= TEXTS_MAX) tell(known.keys().next().value as string);
      log[level](message, fields);
      remember(key);
      return;
    }
    const repeated = ++repeat.held;
    repeat.last = () => log[level](message, { ...fields, repeated });
  };
  return {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: line('debug'),
    /** Tells what is held back, for the end. */
    flush: () => {
      for (const key of [...known.keys()]) tell(key);
    },
  };
}

function unreferenced(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms).unref();
  return () => clearTimeout(timer);
}
