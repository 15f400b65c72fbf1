import { openFileVolume } from '../../../hw/files.ts';
import { mayWrite } from '../../../hw/hostFacts.ts';
import { Fault } from '../../base/fault.ts';
import type { Volume } from '../../base/volume.ts';
import type { Config, MediumConfig } from '../config/configTypes.ts';
import { openLuVolume } from '../lu/luVolume.ts';
import { isidOf } from '../lu/media.ts';
import { refuseTwins } from '../lu/twins.ts';
import { DOCTOR, DOCTOR_NAME } from './doctorIdentity.ts';
import { about, type Finding } from './doctorTypes.ts';

/** A medium of a volume, as the configuration has it. */
interface Wanted {
  volume: string;
  role: 'first' | 'mirror';
  medium: MediumConfig;
  blockSize?: number | undefined;
}

interface Looked extends Wanted {
  opened?: { bytes: number; blockSize: number; volume: Volume };
}

/** A target that does not answer is not waited for as long as a unit would. */
const TIMING = { connectMs: 3000, loginMs: 5000, commandMs: 5000, busyMs: 5000, reconnectMs: 1000 };

/**
 * Opens every medium for reading and compares mirrors with what they mirror. Nothing is locked or reserved, and sessions are
 * the doctor's own: a unit that runs is not disturbed.
 */
export async function lookAtMedia(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  const looked: Looked[] = await Promise.all(
    wantedOf(config).map(async (one) => {
      const { finding, volume } = await lookAt(one);
      findings.push(finding);
      if (volume === undefined) return one;
      if (one.role === 'mirror') findings.push(...(await writable(one, volume)));
      const { blockSize, blocks } = volume;
      return { ...one, opened: { blockSize, bytes: blocks * blockSize, volume } };
    }),
  );
  try {
    return [...sorted(findings, looked), ...fits(looked), ...twins(looked)];
  } finally {
    await Promise.allSettled(looked.map(({ opened }) => opened?.volume.close()));
  }
}

/** In the configuration's order, whoever answered first. */
function sorted(findings: readonly Finding[], looked: readonly Looked[]): Finding[] {
  const order = looked.map(({ medium }) => medium.to);
  return findings.toSorted((a, b) => order.indexOf(a.subject) - order.indexOf(b.subject));
}

function wantedOf(config: Config): Wanted[] {
  const isMedium = (one: { kind: string }): one is MediumConfig => one.kind !== 'journey';
  const file = (path: string): MediumConfig => ({ kind: 'file', to: `file:${path}`, path });
  if (config.kind === 'replay') {
    return config.volumes.flatMap(({ lu, first, mirrors, blockSize }) => [
      ...(first === undefined ? [] : [{ volume: lu, role: 'first' as const, medium: file(first), blockSize }]),
      ...mirrors.map(({ to, path }) => {
        const medium: MediumConfig = { kind: 'file', to, path };
        return { volume: lu, role: 'mirror' as const, medium, blockSize };
      }),
    ]);
  }
  const bus = config.volumes.flatMap(({ lu, name, first, mirrors, blockSize }) => {
    const volume = name ?? lu;
    return [
      ...(first === undefined ? [] : [{ volume, role: 'first' as const, medium: first, blockSize }]),
      ...mirrors.filter(isMedium).map((medium) => ({ volume, role: 'mirror' as const, medium, blockSize })),
    ];
  });
  const received = config.received.flatMap(({ name, mirror, further, blockSize }) =>
    [mirror, ...further.filter(isMedium)].map((medium) => ({
      volume: name,
      role: 'mirror' as const,
      medium,
      blockSize,
    })),
  );
  return [...bus, ...received];
}

async function lookAt(wanted: Wanted): Promise<{ finding: Finding; volume?: Volume }> {
  const { volume: name, role, medium } = wanted;
  const one = about('volume', medium.to);
  try {
    const volume = await open(wanted);
    const { blockSize, blocks } = volume;
    const what = `${blocks * blockSize} bytes in blocks of ${blockSize}, ${volume.identity().id}`;
    return { finding: one.ok(`${role === 'first' ? 'first volume' : 'mirror'} of ${name}: ${what}`), volume };
  } catch (error) {
    if (!(error instanceof Fault) || error.blame === 'bug') throw error;
    return { finding: one.fail(`${name}: ${error.message}`, error.mend ?? 'look at the medium') };
  }
}

function open({ medium, blockSize }: Wanted): Promise<Volume> {
  if (medium.kind === 'file') {
    return openFileVolume(medium.path, { writable: false, ...(blockSize === undefined ? {} : { blockSize }) });
  }
  const { url, digests, mutual, to } = medium;
  return openLuVolume({
    url,
    digests,
    writable: false,
    initiatorName: DOCTOR_NAME,
    isid: isidOf(DOCTOR, to),
    timing: TIMING,
    ...(mutual ? { mutual } : {}),
  });
}

async function writable({ medium }: Wanted, volume: Volume): Promise<Finding[]> {
  const one = about('permissions', medium.to);
  if (medium.kind === 'file') {
    if (await mayWrite(medium.path)) return [];
    const mend = "give the unit's user the right to it; run the doctor as that user";
    return [one.fail('this user may not write to it', mend)];
  }
  const { facts } = volume as Awaited<ReturnType<typeof openLuVolume>>;
  if (facts.mode?.writeProtected !== true) return [];
  return [one.fail('the target says that it is write-protected', 'take the protection off at its target')];
}

/** A mirror is at least as long as its first volume, in blocks that fit. */
function fits(looked: readonly Looked[]): Finding[] {
  return looked.flatMap((mirror) => {
    const first = looked.find(({ volume, role }) => volume === mirror.volume && role === 'first')?.opened;
    const { role, opened, medium } = mirror;
    if (role === 'first' || first === undefined || opened === undefined) return [];
    const one = about('volume', medium.to);
    const found: Finding[] = [];
    if (opened.bytes < first.bytes) {
      const mend = `make it at least ${first.bytes} bytes long`;
      found.push(one.fail(`it has ${opened.bytes} bytes, the first volume ${first.bytes}`, mend));
    }
    if (medium.kind === 'lu' && opened.blockSize !== first.blockSize) {
      const words = `it has blocks of ${opened.blockSize} bytes, the first volume of ${first.blockSize}`;
      found.push(one.warn(words, 'hosts that fail over to it may not read it: use the same block size'));
    }
    return found;
  });
}

function twins(looked: readonly Looked[]): Finding[] {
  try {
    refuseTwins(looked.flatMap(({ medium, opened }) => (opened ? [{ name: medium.to, volume: opened.volume }] : [])));
    return [];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [about('volume').fail(error.message, error.mend ?? '')];
  }
}
