/** Where the addresses (16 bytes of room each) and the payload lie in a reassembled datagram's buffer. */
export const DATAGRAM_SRC = 0;
export const DATAGRAM_DST = 16;
export const DATAGRAM_BODY = 32;

/** The datagram is not whole yet, or this fragment was not used. */
export const WAITING = -1;

const MAX_DATAGRAM = 65535;
const MAX_PIECES = 256;
const DATAGRAMS = 64;
/** Frames after which a datagram is given up: identifications come round again after 65,536 datagrams. */
const AGE_FRAMES = 16384;

/** Which datagram makes room: an unused one first, then one that is finished, then the one that waited longest. */
const UNUSED = 1 << 30;
const FINISHED = 1 << 20;

type State = 'free' | 'open' | 'whole' | 'bad';

const NONE = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/** One datagram on its way to be whole; it stays afterwards, so that late duplicates are known as such. */
class Datagram {
  state: State = 'free';
  v6 = false;
  protocol = 0;
  id = 0;
  touched = 0;
  /** Payload bytes in all; -1 until the last fragment was seen. */
  total = -1;
  /** Payload bytes from the start without a gap in what was captured, once whole. */
  captured = 0;
  /** Addresses and payload; allocated with the first use. */
  buffer: Uint8Array = NO_BYTES;
  /** Fragments in order: where they start, where they end, and where what was captured of them ends. */
  count = 0;
  start: Uint32Array = NONE;
  end: Uint32Array = NONE;
  capturedEnd: Uint32Array = NONE;
}

/**
 * Reassembles IP fragments (RFC 791 section 3.2, RFC 8200 section 4.5) in bounded memory. Fragments that overlap with
 * different bytes spoil their datagram (RFC 5722, RFC 1858). What the snap length cut off a fragment is missing from the
 * datagram too: its lengths stay those of the wire.
 */
export class FragmentTable {
  /** Fragments that ended in no datagram. */
  dropped = 0;
  readonly #datagrams: Datagram[] = Array.from({ length: DATAGRAMS }, () => new Datagram());

  /**
   * Takes a fragment of `length` payload bytes on the wire, of which `captured` lie at `bytes[body]`, for the place `start`
   * in its datagram. `now` counts frames. Returns the index of the datagram that this fragment made whole, or WAITING.
   */
  add(
    bytes: Uint8Array,
    src: number,
    dst: number,
    v6: boolean,
    protocol: number,
    id: number,
    start: number,
    more: boolean,
    body: number,
    captured: number,
    length: number,
    now: number,
  ): number {
    const end = start + length;
    if (length === 0 || end > MAX_DATAGRAM || (more && length % 8 !== 0)) {
      this.dropped++;
      return WAITING;
    }
    const index = this.#find(bytes, src, dst, v6, protocol, id, now);
    const datagram = this.#datagrams[index];
    datagram.touched = now;
    if (datagram.state === 'whole') {
      const fits = more ? end <= datagram.total : end === datagram.total;
      if (fits && agrees(datagram, bytes, body, start, start + captured)) return WAITING;
      // Other bytes under the same identification: the sender has come round to it again.
      restart(datagram);
    }
    if (datagram.state === 'bad') {
      this.dropped++;
      return WAITING;
    }
    if (start === 0) datagram.protocol = protocol;
    if (!lengthsAgree(datagram, end, more) || !agrees(datagram, bytes, body, start, start + captured)) {
      return this.#spoil(datagram);
    }
    if (!more) datagram.total = end;
    datagram.buffer.set(bytes.subarray(body, body + captured), DATAGRAM_BODY + start);
    if (!insert(datagram, start, end, start + captured)) return this.#spoil(datagram);
    return complete(datagram) ? index : WAITING;
  }

  buffer(index: number): Uint8Array {
    return this.#datagrams[index].buffer;
  }

  total(index: number): number {
    return this.#datagrams[index].total;
  }

  captured(index: number): number {
    return this.#datagrams[index].captured;
  }

  protocol(index: number): number {
    return this.#datagrams[index].protocol;
  }

  #spoil(datagram: Datagram): number {
    this.dropped += datagram.count + 1;
    datagram.count = 0;
    datagram.state = 'bad';
    return WAITING;
  }

  /** The datagram that the fragment belongs to, or the place for a new one: unused, else finished, else the oldest. */
  #find(bytes: Uint8Array, src: number, dst: number, v6: boolean, protocol: number, id: number, now: number): number {
    let best = 0;
    let bestRank = -1;
    for (let i = 0; i < DATAGRAMS; i++) {
      const datagram = this.#datagrams[i];
      const age = now - datagram.touched;
      if (age > AGE_FRAMES) this.#giveUp(datagram);
      if (datagram.id === id && datagram.v6 === v6 && datagram.state !== 'free') {
        // RFC 8200 leaves the next header out of the key: only the first fragment tells the true one.
        if ((v6 || datagram.protocol === protocol) && sameAddresses(datagram, bytes, src, dst, v6)) return i;
      }
      const rank = datagram.state === 'free' ? UNUSED : datagram.state === 'open' ? age : age + FINISHED;
      if (rank > bestRank) {
        best = i;
        bestRank = rank;
      }
    }
    const datagram = this.#datagrams[best];
    this.#giveUp(datagram);
    if (datagram.buffer.length === 0) {
      // Most captures hold no fragments: memory is taken when the first ones come.
      datagram.buffer = new Uint8Array(DATAGRAM_BODY + MAX_DATAGRAM);
      datagram.start = new Uint32Array(MAX_PIECES);
      datagram.end = new Uint32Array(MAX_PIECES);
      datagram.capturedEnd = new Uint32Array(MAX_PIECES);
    }
    restart(datagram);
    datagram.v6 = v6;
    datagram.protocol = protocol;
    datagram.id = id;
    const address = v6 ? 16 : 4;
    for (let i = 0; i < address; i++) {
      datagram.buffer[DATAGRAM_SRC + i] = bytes[src + i];
      datagram.buffer[DATAGRAM_DST + i] = bytes[dst + i];
    }
    return best;
  }

  #giveUp(datagram: Datagram): void {
    if (datagram.state === 'open') this.dropped += datagram.count;
    datagram.state = 'free';
  }
}

function restart(datagram: Datagram): void {
  datagram.state = 'open';
  datagram.total = -1;
  datagram.captured = 0;
  datagram.count = 0;
}

function sameAddresses(datagram: Datagram, bytes: Uint8Array, src: number, dst: number, v6: boolean): boolean {
  const address = v6 ? 16 : 4;
  for (let i = 0; i < address; i++) {
    if (datagram.buffer[DATAGRAM_SRC + i] !== bytes[src + i]) return false;
    if (datagram.buffer[DATAGRAM_DST + i] !== bytes[dst + i]) return false;
  }
  return true;
}

function lengthsAgree(datagram: Datagram, end: number, more: boolean): boolean {
  if (datagram.total >= 0) return more ? end <= datagram.total : end === datagram.total;
  if (more) return true;
  for (let i = 0; i < datagram.count; i++) if (datagram.end[i] > end) return false;
  return true;
}

/** Whether the payload bytes [start, end) at `bytes[body]` equal those that are there already. */
function agrees(datagram: Datagram, bytes: Uint8Array, body: number, start: number, end: number): boolean {
  for (let i = 0; i < datagram.count; i++) {
    const from = Math.max(datagram.start[i], start);
    const to = Math.min(datagram.capturedEnd[i], end);
    for (let at = from; at < to; at++) {
      if (datagram.buffer[DATAGRAM_BODY + at] !== bytes[body + at - start]) return false;
    }
  }
  return true;
}

/** Notes a fragment in its order; false when there are more of them than a sender would make. */
function insert(datagram: Datagram, start: number, end: number, capturedEnd: number): boolean {
  const n = datagram.count;
  let place = n;
  for (; place > 0 && datagram.start[place - 1] >= start; place--) {
    const i = place - 1;
    if (datagram.start[i] === start && datagram.end[i] === end) {
      if (datagram.capturedEnd[i] < capturedEnd) datagram.capturedEnd[i] = capturedEnd;
      return true;
    }
  }
  if (n === MAX_PIECES) return false;
  datagram.start.copyWithin(place + 1, place, n);
  datagram.end.copyWithin(place + 1, place, n);
  datagram.capturedEnd.copyWithin(place + 1, place, n);
  datagram.start[place] = start;
  datagram.end[place] = end;
  datagram.capturedEnd[place] = capturedEnd;
  datagram.count = n + 1;
  return true;
}

/** Marks the datagram whole once no gap is left. */
function complete(datagram: Datagram): boolean {
  if (datagram.total < 0) return false;
  let reach = 0;
  let captured = 0;
  for (let i = 0; i < datagram.count; i++) {
    if (datagram.start[i] > reach) return false;
    reach = Math.max(reach, datagram.end[i]);
    if (datagram.start[i] <= captured) captured = Math.max(captured, datagram.capturedEnd[i]);
  }
  if (reach < datagram.total) return false;
  datagram.captured = captured;
  datagram.state = 'whole';
  return true;
}
