/** A message that an operator may see in the log. `…` stands for names, counts and the words of whoever failed. */
export interface Message {
  says: string;
  means: string;
  /** Empty where nothing has to be done. */
  mend: string;
}

const NOTHING = '';

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

/** `text` of notices. */
export const NOTICES: readonly Message[] = [
  // Mirrors that come and go
  {
    says: '…: … was added by … at …, and the configuration does not have it; …',
    means: 'a mirror that `add-mirror` made: it is kept over restarts',
    mend: 'write what it names into the configuration',
  },
  {
    says: '…: … was removed by … at …, and the configuration still has it; …',
    means: 'a mirror that `remove-mirror` took: it stays away over restarts',
    mend: 'take it out of the configuration; `add-mirror` brings it back',
  },
  {
    says: '… was removed, and what waited for it was given up',
    means: 'a mirror left before it had everything',
    mend: NOTHING,
  },
  // On the bus
  {
    says: 'the tap cannot keep up: …',
    means: 'frames are cut or lost; what is missing is read back from the first volume',
    mend: 'more processor time for the unit, less traffic for the tap',
  },
  { says: 'the tap keeps up again: …', means: 'that is over', mend: NOTHING },
  {
    says: 'the tap missed traffic: …',
    means: 'nothing smaller than everything can be proved: every volume is compared',
    mend: 'a larger `source.tap.bufferBytes` or card ring; `tapmirror doctor`',
  },
  {
    says: 'nothing more is missed on the bus',
    means: 'that is over since some seconds; comparing goes on',
    mend: NOTHING,
  },
  {
    says: 'the buffer is short of room: changes are kept by their LBNs, and read back from the first volume later',
    means: 'mirrors or links are slower than hosts write',
    mend: 'a faster mirror or link, or a larger `buffer.bytes`',
  },
  {
    says: 'the buffer has room again: changes are kept with their data',
    means: 'that is over since some seconds',
    mend: NOTHING,
  },
  {
    says: '… frames are cut before the end of their headers: capture with a larger snap length',
    means: 'they may have carried anything',
    mend: 'a larger `source.tap.snaplen`',
  },
  {
    says: 'stream … could not be understood: its volumes are in doubt',
    means: 'a connection at a portal of a volume was no iSCSI that could be followed',
    mend: 'see whether it is encrypted, or only one direction is seen',
  },
  {
    says: 'stream …: a command to … was lost and its blocks cannot be proved',
    means: 'the volume is compared whole',
    mend: 'see why frames are lost: `tapmirror doctor`',
  },
  { says: 'stream …: a command to … was not seen', means: 'its blocks are in doubt', mend: 'the same' },
  {
    says: '…: reset by task management',
    means: 'a host reset the LU; what was under way is in doubt',
    mend: 'look at that host if it repeats',
  },
  {
    says: '… seems to have restarted',
    means: 'what it had not made durable may be lost, and is read back',
    mend: 'look at the target',
  },
  {
    says: '…: the target says that its capacity changed',
    means: 'it is asked for the new one',
    mend: 'make the mirrors as long',
  },
  {
    says: '…: written beyond its capacity of … blocks: it has grown',
    means: 'the same, by a write',
    mend: 'make the mirrors as long',
  },
  {
    says: '…: configured with blocks of … bytes, but the target says …',
    means: 'the configuration is believed',
    mend: 'correct `blockSize`',
  },
  {
    says: '…: the block size changed to … bytes',
    means: 'what was counted in old blocks is in doubt',
    mend: 'nothing, or compare: `verify`',
  },
  {
    says: '…: written, but it is not proved which configured volume it is',
    means: 'all volumes that it may be are compared',
    mend: 'give the volumes their `portals`',
  },
  {
    says: '…: … carries data out and is not understood',
    means: 'the LU is in doubt whole after it',
    mend: 'report the command',
  },
  { says: '…: a host has set the bookmark …', means: 'it wrote to a marker block', mend: NOTHING },
  {
    says: 'bookmarks by writes to LBN … come too fast: more than one a second, some are not made',
    means: 'as it says',
    mend: 'have the host write there more seldom',
  },
  // A parallel bus
  {
    says: 'double transition clocking is not understood: …',
    means: 'the bus is faster than can be followed',
    mend: 'limit the bus to Ultra2',
  },
  {
    says: 'transfers are 16 bits wide and only 8 data lines are seen: …',
    means: 'half of the data is not seen',
    mend: 'connect the upper lines',
  },
  {
    says: 'phases do not follow each other as they must: samples are missing',
    means: 'what is under way is in doubt',
    mend: 'see the probe, its cable and its rate',
  },
  {
    says: '…: … bytes of data were seen where … had to pass: samples are missing',
    means: 'the command is in doubt',
    mend: 'the same',
  },
  // The tee
  {
    says: 'the tee has … connections, as many as it may: further ones are refused',
    means: 'hosts may fail to log in',
    mend: 'a larger `source.tee.connections`',
  },
  {
    says: 'the tee cannot accept a connection: …',
    means: 'the system has no more files or memory',
    mend: 'raise its limits',
  },
  { says: 'the target at … port … cannot be reached: …', means: 'hosts cannot log in', mend: 'look at the target' },
  {
    says: 'connection … through the tee is no longer watched, as decoding it failed: …',
    means: 'it passes on; its volumes are in doubt until it ends',
    mend: 'report it',
  },
  {
    says: 'what a target sent could not be followed: addresses in its answers are passed on as they are',
    means: 'hosts may go round the tee',
    mend: 'see that hosts use the tee’s address',
  },
  {
    says: 'a target’s text answer is too long to be looked at: it is passed on as it is',
    means: 'the same',
    mend: 'the same',
  },
  {
    says: 'an answer with … in it is longer than the host says it takes',
    means: 'the host may refuse it',
    mend: 'shorter names, or fewer portals at the target',
  },
  // Mirrors and the first volume
  { says: '…; it is tried again', means: 'a medium did not answer at the start', mend: 'bring it back' },
  {
    says: '…; what cannot be read stays unresolved',
    means: 'the first volume failed while blocks were read back',
    mend: 'look at the first volume',
  },
  {
    says: 'the record of … is not kept any more: …',
    means: 'mirroring goes on, and it is tried again; a start before that succeeds compares the whole volume',
    mend: 'look at the disk of `state`',
  },
  { says: 'the record of … is kept again', means: 'that is over', mend: NOTHING },
  {
    says: 'the identity of … is not kept: …',
    means: 'what is promoted after the next start cannot stand in for that first volume',
    mend: 'look at the disk of `state`',
  },
  { says: '…; the session is back', means: 'a target was away', mend: NOTHING },
  {
    says: '… has no persistent reservations: nothing keeps another unit from writing it too',
    means: 'as it says',
    mend: 'give nobody else a mirror on it',
  },
  { says: '…: the new capacity cannot be read: …', means: 'it is asked again', mend: 'look at the target' },
  { says: '… holds … bytes now (… before)', means: 'an LU changed its length', mend: 'make the others as long' },
  { says: '…: they do not go on', means: 'a file of `state` is damaged', mend: 'begin the comparisons anew' },
  {
    says: 'how far comparisons are is not kept: …',
    means: 'after a restart they go on from an earlier place',
    mend: 'look at the disk of `state`',
  },
  { says: 'no block table is kept: …', means: 'comparisons read everything', mend: 'as it says' },
  {
    says: 'the block table is not kept any more: …',
    means: 'the same, until the next start',
    mend: 'look at the disk of `state`',
  },
  // Certificates that links are made with
  {
    says: '… ends on …: make a new one',
    means: 'a certificate has less than 30 days left',
    mend: '`tapmirror keys unit` (an authority: `keys init`), and a restart with it',
  },
  {
    says: '… ends within a week, on …: make a new one',
    means: 'it has less than 7',
    mend: 'the same',
  },
  {
    says: '… has ended: no link can be made',
    means: 'what links would carry waits at their near ends',
    mend: 'the same',
  },
  {
    says: '… begins only later: set the clock right',
    means: 'no link can be made before',
    mend: 'as it says',
  },
  { says: '… is good until …', means: 'that was the clock, and is over', mend: NOTHING },
  // Links and the past
  {
    says: '…; changes wait until it is connected again',
    means: 'a link is down',
    mend: 'look at the far unit and the network',
  },
  { says: '…: the connection is back', means: 'that is over', mend: NOTHING },
  {
    says: '…; it is inconsistent until they were copied from the first volume',
    means: 'a link lost what its entries refer to',
    mend: 'a larger `spill.bytes`, or a faster link',
  },
  {
    says: 'volume …: unit … is its sender from now on, and no other is taken (…)',
    means: 'the first sender of a volume is remembered',
    mend: 'another one: name it in `from`',
  },
  { says: 'journey link, volume …: …', means: 'volume and sender differ in length', mend: 'see the words' },
  {
    says: 'journey link refused: …',
    means: 'somebody came without a certificate or key that is believed',
    mend: 'see the words; a stranger may be left alone',
  },
  { says: 'journey link from … (…): …', means: 'something about that connection', mend: 'see the words' },
  {
    says: '…: the first changes of a sender were not made durable: to be compared whole',
    means: 'as it says',
    mend: NOTHING,
  },
  {
    says: '… was kept for another medium (…): begun anew, to be compared whole',
    means: 'the file of a volume was exchanged',
    mend: 'put the old one back if that was a mistake',
  },
  {
    says: '… cannot be read (…): begun anew, to be compared whole',
    means: 'a file of `state` is damaged',
    mend: 'look at its disk',
  },
  {
    says: "the state in … was no queue's (…): begun anew",
    means: 'the past before it is lost',
    mend: 'look at its disk',
  },
  {
    says: '… damaged (…): it is lost…, the moments before it are kept',
    means: 'an entry of the past was not what it was',
    mend: 'look at its disk',
  },
  {
    says: '…: it is lost, and with it … entries behind it; the moments before it are kept',
    means: 'the same',
    mend: 'look at its disk',
  },
  {
    says: '… was not written whole (…) and never acknowledged: cut',
    means: 'the unit was killed as it wrote: nothing is lost',
    mend: NOTHING,
  },
  {
    says: 'one half of the state in … cannot be read (…): only the newest moment is kept',
    means: 'the past is lost',
    mend: 'look at its disk',
  },
  {
    says: 'the base… is no moment of the volume any more…',
    means: 'somebody wrote to the file; the sender makes it whole',
    mend: 'give the file to nobody else',
  },
  {
    says: 'bookmarks left the window: …',
    means: 'they were older than is kept',
    mend: 'a larger window if they are needed',
  },
  {
    says: 'the last consistent moment left the window before there was another one',
    means: 'the volume has been inconsistent for longer than is kept',
    mend: 'see why at the sender: `status`',
  },
  { says: 'folding failed: …', means: 'the past grows until it can', mend: 'look at the disk' },
  // Served targets
  {
    says: 'the target cannot accept a connection: …',
    means: 'the system has no more files or memory',
    mend: 'raise its limits',
  },
  {
    says: 'the target has as many connections as it may: further ones are refused',
    means: 'hosts may fail to log in',
    mend: 'a larger `serve.limits.connections`',
  },
  {
    says: 'a logical unit is not served: …',
    means: 'its configuration and its medium do not fit',
    mend: 'see the words',
  },
  { says: '… is not served yet: …', means: 'its medium is away: hosts are told NOT READY', mend: 'bring it back' },
  { says: '… is served: its medium answers', means: 'that is over', mend: NOTHING },
  {
    says: '… is not thin: its file system gives no room back, so zeros are written where a host unmaps',
    means: 'as it says',
    mend: 'use a file system with holes',
  },
  { says: 'a mistake in tapmirror itself, please report it: …', means: 'one command failed', mend: 'report it' },
];

/** Words of errors, by kind: of `why` in the log, `error` in the status and what a command ends with. */
export const ERRORS: readonly Message[] = [
  { says: '… does not exist (…)', means: 'a file or device is not there', mend: 'create it as long as the volume' },
  {
    says: '… has no space left on its file system (…)',
    means: 'a mirror’s disk is full',
    mend: 'free some space there',
  },
  { says: '… is stopped by the disk quota (…)', means: 'the same by a quota', mend: 'raise it' },
  { says: '… may not be opened by this user (…)', means: 'rights are missing', mend: 'give the unit’s user the right' },
  {
    says: '… lies on a read-only file system (…)',
    means: 'often after an error of the disk',
    mend: 'see dmesg; mount it writable',
  },
  {
    says: '… was refused by the medium (input/output error) (…)',
    means: 'the disk is failing',
    mend: 'see dmesg; replace it',
  },
  { says: 'another unit … runs with the state folder …', means: 'two units with one `state`', mend: 'stop one' },
  {
    says: 'another unit mirrors into …',
    means: 'a mirror of two units, or named twice',
    mend: 'give each a medium of its own',
  },
  {
    says: '… and … are one medium (…)',
    means: 'a mirror is the first volume, or another mirror',
    mend: 'give each a medium of its own',
  },
  { says: '… refuses the connection …', means: 'nothing listens there', mend: 'start it, or correct the port' },
  { says: '… does not answer …', means: 'a target or a far unit is away', mend: 'look at it and at the network' },
  {
    says: '… does not answer; what is under way waits for it',
    means: 'a target is silent, also when it is asked; its session is given up after 15 s of that',
    mend: 'look at it and at the network to it',
  },
  {
    says: '…; a new session is being opened',
    means: 'a target was lost a second ago; what is to be written waits for it for 10 s, then stands in the record',
    mend: 'look at it and at the network',
  },
  {
    says: '… has a certificate of another authority',
    means: 'a stranger, or mixed-up keys',
    mend: '`tapmirror keys unit` with one authority',
  },
  { says: '… has a certificate that is over', means: 'links cannot be made', mend: '`tapmirror keys unit`' },
];

/** The three tables in Markdown, as the README has them. */
export function messagesText(): string {
  return [
    table('`message` of a line', LINES),
    table('`text` of a notice', NOTICES),
    table('words of an error', ERRORS),
  ].join('\n\n');
}

function table(head: string, all: readonly Message[]): string {
  const rows = all.map(({ says, means, mend }) => `| ${says} | ${means} | ${mend || '-'} |`);
  return [`| ${head} | meaning | mend |`, '|---|---|---|', ...rows].join('\n');
}

/** Whether the catalogue has this text of a notice, in which `…` stands for what is not known before. */
export function isKnownNotice(text: string): boolean {
  return NOTICES.some(({ says }) => fits(says, text));
}

function fits(says: string, text: string): boolean {
  const pattern = says
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*');
  return new RegExp(`^${pattern}$`).test(text);
}
