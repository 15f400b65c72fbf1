import { removeRecords } from '../../hw/recordFolder.ts';
import { recordFileName } from './storedRecord.ts';

/** A received volume and what it is passed on to. */
interface Passed {
  name: string;
  further: readonly { to: string }[];
}

/**
 * Removes the records of mirrors that a volume is not passed on to any more. It takes changes from here on that such a mirror
 * does not get, and its record would know nothing of them if the mirror came back.
 */
export async function forgetFormer(folder: string, { name, further }: Passed): Promise<void> {
  const kept = new Set(further.map(({ to }) => recordFileName(name, to)));
  const prefix = recordFileName(name, '').replace(/-[0-9a-f]{12}\.record$/, '');
  await removeRecords(folder, prefix, kept);
}
