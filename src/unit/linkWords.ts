import type { JourneyStatus } from './journeyTypes.ts';
import type { LinkStatus } from './status.ts';

/** A link for `status`; `now` is the monotonic time in nanoseconds. */
export function linkWords({ since, roundTripMs, paused, lastFault, ...rest }: JourneyStatus, now: number): LinkStatus {
  return {
    ...rest,
    since: new Date(Date.now() - (now - since) / 1e6).toISOString(),
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
    ...(paused === undefined ? {} : { paused }),
    ...(lastFault === undefined ? {} : { lastFault }),
  };
}
