import { isParseFault, type ParseFault, parseFault } from './fault.ts';
import { hostOf } from './luUrl.ts';

/** The far end of a journey link: what `journey://host:port/volume` says. */
export interface JourneyUrl {
  /** A name in lower case, an IPv4 address, or an IPv6 address in its shortest form, without brackets. */
  host: string;
  port: number;
  /** The volume's name at the far end, decoded. */
  volume: string;
}

/** The longest name of a volume that is received, in UTF-16 units. */
export const VOLUME_NAME_MAX = 64;
const SCHEME = 'journey://';

/** Reads `journey://host:port/volume`. An IPv6 address stands in brackets; in the name `%XX` stands for one byte. */
export function parseJourneyUrl(text: string): JourneyUrl | ParseFault {
  if (text.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return parseFault(0, 'it does not begin with journey://');
  if (text.includes('@')) return parseFault(text.indexOf('@'), 'units know each other by certificates, not by users');
  const slash = text.indexOf('/', SCHEME.length);
  const authority = text.slice(SCHEME.length, slash < 0 ? undefined : slash);
  const where = hostPort(authority);
  if (isParseFault(where)) return parseFault(SCHEME.length + where.offset, where.reason);
  if (slash < 0) return parseFault(text.length, "the volume's name is missing after the port");
  const name = volumeName(text.slice(slash + 1));
  return isParseFault(name) ? parseFault(slash + 1 + name.offset, name.reason) : { ...where, volume: name.volume };
}

/** The URL in its shortest form. */
export function journeyUrlText({ host, port, volume }: JourneyUrl): string {
  return `${SCHEME}${host.includes(':') ? `[${host}]` : host}:${port}/${encodeURIComponent(volume)}`;
}

/** Whether this can be the name of a volume that is received. */
export function isVolumeName(text: string): boolean {
  return text.length > 0 && text.length <= VOLUME_NAME_MAX && !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}/]/u.test(text);
}

function hostPort(text: string): { host: string; port: number } | ParseFault {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  if (match === null) {
    const many = (text.match(/:/g)?.length ?? 0) > 1 && !text.includes('[');
    return parseFault(0, many ? 'an IPv6 address stands in brackets' : 'what follows the host is not a port');
  }
  const host = hostOf(match[1]);
  if (host === undefined) return parseFault(0, 'the host is neither a name nor an IP address');
  if (match[2] === undefined) return parseFault(text.length, 'the port is missing after the host');
  const port = Number(match[2]);
  if (port < 1 || port > 65535) return parseFault(match[1].length + 1, 'a port is a number from 1 to 65535');
  return { host, port };
}

function volumeName(text: string): { volume: string } | ParseFault {
  const end = text.search(/[/?#]/);
  if (end >= 0) return parseFault(end, `"${text[end]}" stands behind the volume's name`);
  let volume: string;
  try {
    volume = decodeURIComponent(text);
  } catch {
    return parseFault(0, "the volume's name has a broken %-escape");
  }
  if (volume === '') return parseFault(0, "the volume's name is empty");
  return isVolumeName(volume)
    ? { volume }
    : parseFault(0, `a volume's name has 1 to ${VOLUME_NAME_MAX} characters without a slash`);
}
