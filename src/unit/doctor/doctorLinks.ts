import { connectLink } from '../../../hw/linkConnect.ts';
import { reach, whyNotListen } from '../../../hw/reach.ts';
import { splitPortal } from '../../base/address.ts';
import { Fault } from '../../base/fault.ts';
import type { JourneyMedium, LiveConfig, TlsConfig } from '../config/configTypes.ts';
import { type CertificateStatus, certificateEnd, certificatesOf } from '../watch/certificates.ts';
import { about, type Finding } from './doctorTypes.ts';

const WITHIN_MS = 4000;

/** When the certificates end that links are made with. */
export function lookAtCertificates({ tls }: LiveConfig, nowMs: number): Finding[] {
  if (tls === undefined) return [];
  if ('psk' in tls) return [about('certificate', 'pre-shared key').ok('keys are shared beforehand: they do not end')];
  return certificatesOf(tls).map((one) => lookAtCertificate(one, nowMs));
}

function lookAtCertificate(certificate: CertificateStatus, nowMs: number): Finding {
  const { kind, name, until } = certificate;
  const one = about('certificate', kind === 'own' ? 'own certificate' : 'authority');
  const day = until.slice(0, 10);
  const mend = 'make a new one with `tapmirror keys`, and bring it to the unit before';
  switch (certificateEnd(certificate, nowMs)) {
    case 'over':
      return one.fail(`${name} ended on ${day}: no link can be made`, mend);
    case 'early':
      return one.fail(`${name} begins only later`, 'set the clock right');
    case 'urgent':
      return one.fail(`${name} ends within a week, on ${day}: no link can be made then`, mend);
    case 'soon':
      return one.warn(`${name} ends on ${day}`, mend);
    case 'far':
      return one.ok(`${name} is good until ${day}`);
  }
}

/** Proves itself to the far unit of each link, and it to us; nothing is sent behind that. */
export async function lookAtLinks({ volumes, received, tls }: LiveConfig): Promise<Finding[]> {
  const media = [...volumes.flatMap(({ mirrors }) => mirrors), ...received.flatMap(({ further }) => further)];
  const links = media.filter((one): one is JourneyMedium => one.kind === 'journey');
  if (tls === undefined) return [];
  return Promise.all(links.map((link) => lookAtLink(link, tls)));
}

async function lookAtLink({ to, url }: JourneyMedium, keys: TlsConfig): Promise<Finding> {
  const one = about('link', to);
  const began = performance.now();
  try {
    const stream = await connectLink({ host: url.host, port: url.port, keys, connectMs: WITHIN_MS });
    const took = Math.round(performance.now() - began);
    const peer = stream.peer === '' ? '' : ` "${stream.peer}"`;
    stream.destroy();
    return one.ok(`the far unit${peer} answers and proves itself, after ${took} ms`);
  } catch (error) {
    if (!(error instanceof Fault) || error.blame === 'bug') throw error;
    return one.fail(error.message, error.mend ?? 'look at the far unit');
  }
}

/** Where the unit listens, and the target behind a tee. `running`: the unit itself is there already. */
export async function lookAtPortals(config: LiveConfig, running: boolean): Promise<Finding[]> {
  const { source, receive, serve, web } = config;
  const own = [
    ...(source?.kind === 'tee' ? [['source.tee.listen', source.listen] as const] : []),
    ...(receive === undefined ? [] : [['receive.listen', receive.listen] as const]),
    ...(serve === undefined ? [] : serve.listen.map((listen) => ['serve.listen', listen] as const)),
    ...(web === undefined ? [] : [['web.listen', web.listen] as const]),
  ];
  const listening = own.map(([key, portal]) => lookAtListen(key, portal, running));
  const target = source?.kind === 'tee' ? [lookAtTarget(source.target)] : [];
  return Promise.all([...listening, ...target]);
}

const LISTEN_WORDS: Readonly<Record<string, readonly [words: string, mend: string]>> = {
  EADDRNOTAVAIL: ['is no address of this machine', 'give an interface the address, or name another'],
  EADDRINUSE: ['is taken by another program', 'stop it (ss -ltnp shows who), or name another port'],
  EACCES: ['may not be had by this user', 'name a port from 1024 on, or give the unit CAP_NET_BIND_SERVICE'],
};

async function lookAtListen(key: string, portal: string, running: boolean): Promise<Finding> {
  const one = about('portal', portal);
  const parts = splitPortal(portal);
  if (parts === undefined) return one.fail(`${key} is no portal`, 'write IP:PORT');
  const why = await whyNotListen(parts.host, parts.port);
  if (why === undefined) return one.ok(`${key}: free`);
  if (why === 'EADDRINUSE' && running) return one.ok(`${key}: the unit listens there`);
  const [words, mend] = LISTEN_WORDS[why] ?? [`cannot be listened at (${why})`, 'name another'];
  return one.fail(`${key} ${words}`, mend);
}

async function lookAtTarget(portal: string): Promise<Finding> {
  const one = about('portal', portal);
  const parts = splitPortal(portal);
  if (parts === undefined) return one.fail('source.tee.target is no portal', 'write IP:PORT');
  try {
    const ms = await reach(parts.host, parts.port, WITHIN_MS);
    return one.ok(`the target of the tee answers after ${ms < 1 ? 'less than 1' : Math.round(ms)} ms`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return one.fail(`the target of the tee: ${error.message}`, error.mend ?? '');
  }
}
