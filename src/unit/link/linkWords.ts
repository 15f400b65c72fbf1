import type { LinkAbout } from '../../../parsers/formats/linkAbout.ts';
import type { LinkStatus } from '../watch/status.ts';
import type { JourneyStatus } from './journeyTypes.ts';

/** What is known of a unit at the other end of a link. */
export interface MetUnit {
  version: string;
  /** How far its clock is ahead of this one's, in milliseconds; less than the time that the message took amiss. */
  clockMs: number;
}

/** What another unit has just said of itself. */
export function metUnit({ version, clock }: LinkAbout): MetUnit {
  return { version, clockMs: clock - Date.now() };
}

/** A link for `status`; `now` is the monotonic time in nanoseconds. */
export function linkWords(status: JourneyStatus, now: number): LinkStatus {
  const { since, version, clockMs, roundTripMs, paused, lastFault, beyond, ...rest } = status;
  return {
    ...rest,
    since: new Date(Date.now() - (now - since) / 1e6).toISOString(),
    ...(version === undefined ? {} : { version }),
    ...(clockMs === undefined ? {} : { clockMs }),
    ...(roundTripMs === undefined ? {} : { roundTripMs }),
    ...(paused === undefined ? {} : { paused }),
    ...(lastFault === undefined ? {} : { lastFault }),
    ...(beyond === undefined ? {} : { beyond: [...beyond] }),
  };
}
