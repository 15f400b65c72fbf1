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

/** A log of `level` and worse onto `stream`. */
export function openLog(level: LogLevel, stream: NodeJS.WritableStream): Log {
  const logger = winston.createLogger({
    level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Stream({ stream })],
  });
  const line = (at: LogLevel) => (message: string, fields?: LogFields) => {
    logger.log({ ...fields, level: at, message });
  };
  return { error: line('error'), warn: line('warn'), info: line('info'), debug: line('debug') };
}
