import { type Message, NOTHING } from './message.ts';

/** `text` of notices about where changes go. */
export const MIRROR_NOTICES: readonly Message[] = [
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
