import { openSpill } from '../../../hw/spill.ts';
import { Fault } from '../../../src/base/fault.ts';

/** A process that may not make a file longer than the shell allows; tells what temporary storage makes of it. */
const KIB = 1024;
const spill = await openSpill(process.argv[2], 1024 * KIB);
const kept = spill.take(4 * KIB);
await spill.write(kept?.place ?? -1, new Uint8Array(4 * KIB).fill(9));
const long = spill.take(256 * KIB);
let told: unknown;
try {
  await spill.write(long?.place ?? -1, new Uint8Array(256 * KIB));
} catch (error) {
  told = error;
}
const bytes = new Uint8Array(4 * KIB);
await spill.read(kept?.place ?? -1, bytes);
const fault = told instanceof Fault ? told : undefined;
const code = (fault?.cause as NodeJS.ErrnoException | undefined)?.code;
const answer = {
  blame: fault?.blame,
  code,
  mended: fault?.mend !== undefined,
  kept: bytes.every((byte) => byte === 9),
};
process.stdout.write(JSON.stringify(answer));
await spill.close();
