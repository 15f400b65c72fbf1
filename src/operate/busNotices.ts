import { type Message, NOTHING } from './message.ts';

/** `text` of notices about where changes come from. */
export const BUS_NOTICES: readonly Message[] = [
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
];
