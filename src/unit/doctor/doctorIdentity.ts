import { randomUUID } from 'node:crypto';
import { initiatorNameOf } from '../lu/media.ts';

/** Who this run of the doctor is at targets: nobody else, so that a unit that runs is not disturbed. */
export const DOCTOR: string = randomUUID();
/** Its sessions are no host's. */
export const DOCTOR_NAME: string = initiatorNameOf(DOCTOR);
