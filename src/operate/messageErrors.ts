import type { Message } from './message.ts';

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
