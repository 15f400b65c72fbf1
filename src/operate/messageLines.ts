import { type Message, NOTHING } from './message.ts';

/** `message` of the lines of the log. */
export const LINES: readonly Message[] = [
  { says: 'starting', means: 'the process has begun', mend: NOTHING },
  { says: 'ready', means: 'it is attached, as `attached` says', mend: NOTHING },
  { says: 'stopping', means: 'it was told to end, and writes what is buffered', mend: NOTHING },
  { says: 'draining', means: 'that takes a while; `what` is still to be written, and where', mend: NOTHING },
  { says: 'stopped', means: 'it has ended in order', mend: NOTHING },
  {
    says: 'the unit cannot go on',
    means: 'its source is gone; `why` has the words',
    mend: 'as `why` says; the service starts it again',
  },
  {
    says: 'state',
    means: 'a mirror, or the first volume, went `from` one state `to` another; `why` has the words of the status',
    mend: 'for `broken`, `paused` and `down` as `why` says; the others mend themselves',
  },
  { says: 'notice', means: 'something to know, in `text`: see the next table', mend: 'as there' },
  { says: 'mark', means: 'somebody has set the bookmark `name`', mend: NOTHING },
  { says: 'rewind', means: 'somebody has a moment written into `out`', mend: NOTHING },
  { says: 'rollBack', means: 'somebody takes back what is newer than `to`', mend: NOTHING },
  { says: 'open', means: 'somebody has a moment served at `listen`', mend: NOTHING },
  { says: 'promote', means: 'hosts may write to the mirrors of `volume`', mend: NOTHING },
  { says: 'demote', means: 'they may no longer', mend: NOTHING },
  { says: 'verify', means: 'a comparison has begun', mend: NOTHING },
  {
    says: 'verified',
    means: 'it has ended; `differing` bytes were different',
    mend: 'where there are any: `verify --repair`',
  },
  { says: 'pause', means: 'somebody paused mirrors', mend: '`resume` when it is time' },
  { says: 'resume', means: 'somebody let them go on', mend: NOTHING },
  { says: 'resync', means: 'somebody has mirrors compared again', mend: NOTHING },
  {
    says: 'add mirror',
    means: '`by` added `mirror` to `volume` while it runs',
    mend: 'write it into the configuration',
  },
  {
    says: 'remove mirror',
    means: '`by` took `mirror` from `volume`; with `now` what waited for it is given up',
    mend: 'take it out of the configuration',
  },
  { says: 'set', means: 'somebody changed the running unit, until it ends', mend: NOTHING },
  { says: 'job cancel', means: 'somebody ended a long job', mend: NOTHING },
  { says: 'drain', means: 'somebody has it finish and end', mend: NOTHING },
  { says: 'status page', means: 'it is served at `url`', mend: NOTHING },
  {
    says: 'the status page failed',
    means: 'an answer could not be made; mirroring goes on',
    mend: 'report it, with the line',
  },
  {
    says: 'wrong tokens at the status page',
    means: 'somebody at the address `from` tried several: for a while none from there is looked at',
    mend: 'find out who; a new token where it may be known (`web.tokenFile`)',
  },
  {
    says: 'the control socket failed',
    means: 'a command could not be answered; mirroring goes on',
    mend: 'report it, with the line',
  },
  {
    says: 'systemd cannot be told how the unit does',
    means: 'the service manager may take it for dead',
    mend: 'see `why`, and the service file',
  },
];
