/** From the worst on. Apart from the log itself, which takes a while to load and which few commands need. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
