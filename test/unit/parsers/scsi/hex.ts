/** Bytes of a hexadecimal text; spaces are for the eye. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
}

/** A CDB of `length` bytes with `bytes` from `at` on. */
export function cdbOf(
  opcode: number,
  length: number,
  fields: Readonly<Record<number, number | string>> = {},
): Uint8Array {
  const cdb = new Uint8Array(length);
  cdb[0] = opcode;
  for (const [at, value] of Object.entries(fields))
    cdb.set(typeof value === 'number' ? [value] : hex(value), Number(at));
  return cdb;
}
