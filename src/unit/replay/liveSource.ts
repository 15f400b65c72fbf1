/** Before the serial port of a probe that `decode` and `stat` listen to themselves: `probe:/dev/ttyACM0`. */
export const LIVE_PROBE = 'probe:';

/** Some source does not end by itself. */
export function isLive(sources: readonly string[]): boolean {
  return sources.some((source) => source.startsWith(LIVE_PROBE));
}
