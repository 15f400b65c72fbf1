import fc from 'fast-check';
import { FRAME_HEADER_BYTES, type LinkFrame } from '../../../../parsers/formats/linkFrame.ts';

/** What a frame carries, in one piece. */
export function bodyOf(frame: LinkFrame): Uint8Array {
  return Uint8Array.from(Buffer.concat([frame.head.subarray(FRAME_HEADER_BYTES), ...frame.parts]));
}

export const number = fc.maxSafeNat();
export const word = fc.string({ unit: fc.constantFrom('a', 'Ω', '日', '😀', '/'), maxLength: 40 });

/** A view of an array and an array of one's own are the same then. */
export function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, one: unknown) => {
      return typeof one === 'bigint' ? `${one}` : one;
    }),
  );
}
