import { normalPortal } from './address.ts';
import { isParseFault, type ParseFault, parseFault } from './fault.ts';

/** Where a logical unit is reached: what `iscsi://[user%secret@]host[:port]/target/lun` says. */
export interface LuUrl {
  /** A name in lower case, an IPv4 address, or an IPv6 address in its shortest form, without brackets. */
  host: string;
  port: number;
  /** The iSCSI target's name as written. */
  target: string;
  lun: number;
  /** CHAP name and secret (RFC 7143 section 12.1.3), decoded. The secret never appears in any text this module makes. */
  user?: string;
  secret?: string;
}

/** Where a target listens unless something else is said (RFC 7143 section 4.2.7.2). */
export const ISCSI_PORT = 3260;

/** The longest iSCSI name, in bytes (RFC 7143 section 4.2.7.1). */
export const NAME_BYTES_MAX = 223;
/** Flat space addressing ends here (SAM-5 section 4.7.7.3): a plain number names no higher LUN. */
export const LUN_MAX = 0x3fff;
const HOST_NAME_MAX = 253;
const SCHEME = 'iscsi://';

/**
 * Reads `iscsi://[user[%secret]@]host[:port]/target/lun`, the form that libiscsi and QEMU use. An IPv6 address stands in
 * brackets. In the secret and the target's name `%XX` stands for one byte, so that a secret may hold `@`, `/` and `%`.
 *
 * The reason in a fault never quotes the user or the secret.
 */
export function parseLuUrl(text: string): LuUrl | ParseFault {
  if (text.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return parseFault(0, 'it does not begin with iscsi://');
  const slash = text.indexOf('/', SCHEME.length);
  if (slash < 0) return parseFault(text.length, 'a target name and a LUN are missing after the host');
  const authority = text.slice(SCHEME.length, slash);
  const sign = authority.lastIndexOf('@');
  // Names of targets have no @: what comes before one was meant as the secret.
  if (text.includes('@', slash)) return parseFault(slash, 'a "/" stands in the secret, where it is written %2F');
  const who = sign < 0 ? {} : credentials(authority.slice(0, sign));
  if (isParseFault(who)) return parseFault(SCHEME.length + who.offset, who.reason);
  const where = hostPort(authority.slice(sign + 1));
  if (isParseFault(where)) return parseFault(SCHEME.length + sign + 1 + where.offset, where.reason);
  const what = targetLun(text.slice(slash + 1));
  if (isParseFault(what)) return parseFault(slash + 1 + what.offset, what.reason);
  return { ...where, ...what, ...who };
}

/** `iscsi://[user@]host[:port]/target/lun`, without the secret; the port only where it is not the usual one. */
export function luUrlText({ host, port, target, lun, user }: LuUrl): string {
  const who = user === undefined ? '' : `${user}@`;
  const at = `${host.includes(':') ? `[${host}]` : host}${port === ISCSI_PORT ? '' : `:${port}`}`;
  return `${SCHEME}${who}${at}/${target.replace(/[%/?#@]/g, encodeURIComponent)}/${lun}`;
}

/**
 * A text that was meant as a URL, well-formed or not, safe to show: the secret between a user's name and the last `@` is
 * taken out, and so are options behind a `?`, where other programs take secrets.
 */
export function withoutSecret(text: string): string {
  const scheme = /^(?:[a-z][a-z0-9+.-]*:\/\/|iscsi:\/?)/i.exec(text)?.[0] ?? '';
  const rest = text.slice(scheme.length).replace(/\?.*$/s, (options) => (options.includes('@') ? options : '?...'));
  const sign = rest.lastIndexOf('@');
  // A % before the first / with no @ behind it is a secret whose @ was forgotten.
  if (sign < 0) return scheme + rest.replace(/^([^/%]*)%[^/]*/, '$1%...');
  const who = rest.slice(0, sign);
  const user = who.search(/[%:]/);
  return scheme + (user < 0 ? who : who.slice(0, user)) + rest.slice(sign);
}

function credentials(text: string): { user: string; secret?: string } | ParseFault {
  // The first % ends the name, as libiscsi has it.
  const percent = text.indexOf('%');
  const user = percent < 0 ? text : text.slice(0, percent);
  if (user === '') return parseFault(0, 'a user name is missing before the "%" or "@"');
  if (user.includes(':')) return parseFault(user.indexOf(':'), 'user and secret are parted by "%", not by ":"');
  if (percent < 0) return { user };
  const secret = decoded(text.slice(percent + 1));
  if (secret === undefined) return parseFault(percent + 1, 'a "%" in the secret is written %25');
  if (secret === '') return parseFault(percent + 1, 'the secret is empty');
  return { user, secret };
}

function hostPort(text: string): { host: string; port: number } | ParseFault {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  if (match === null) {
    const many = (text.match(/:/g)?.length ?? 0) > 1 && !text.includes('[');
    return parseFault(0, many ? 'an IPv6 address stands in brackets' : 'what follows the host is not a port');
  }
  const port = match[2] === undefined ? ISCSI_PORT : Number(match[2]);
  if (port < 1 || port > 65535) return parseFault(match[1].length + 1, 'a port is a number from 1 to 65535');
  const host = hostOf(match[1]);
  return host === undefined ? parseFault(0, 'the host is neither a name nor an IP address') : { host, port };
}

/**
 * The host in a URL: a name in lower case, an IPv4 address, or an IPv6 address (written in brackets) in its shortest form
 * without them; undefined when it is none of these.
 */
export function hostOf(text: string): string | undefined {
  if (text.startsWith('[') || /^[\d.]+$/.test(text)) {
    const portal = normalPortal(`${text}:1`);
    return portal?.slice(0, -2).replace(/^\[|\]$/g, '');
  }
  // Labels of a host name (RFC 1123 section 2.1); an underscore is seen in the field.
  const named = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;
  return text.length <= HOST_NAME_MAX && named.test(text) ? text.toLowerCase() : undefined;
}

function targetLun(text: string): { target: string; lun: number } | ParseFault {
  if (text.includes('?')) return parseFault(text.indexOf('?'), 'options after a "?" are keys of their own here');
  const slash = text.indexOf('/');
  if (slash < 0) return parseFault(text.length, 'a LUN is missing after the target name');
  const target = decoded(text.slice(0, slash));
  if (target === undefined) return parseFault(0, 'the target name has a broken %-escape');
  const bytes = new TextEncoder().encode(target).length;
  if (bytes === 0) return parseFault(0, 'the target name is empty');
  if (bytes > NAME_BYTES_MAX) {
    return parseFault(0, `the target name is longer than ${NAME_BYTES_MAX} bytes (RFC 7143 section 4.2.7.1)`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a control character is what is looked for
  if (/[\s\u0000-\u001f\u007f/]/.test(target)) return parseFault(0, 'the target name has a space or a slash in it');
  const words = text.slice(slash + 1);
  if (!/^\d{1,6}$/.test(words) || Number(words) > LUN_MAX) {
    return parseFault(slash + 1, `the LUN is not a decimal number from 0 to ${LUN_MAX}`);
  }
  return { target, lun: Number(words) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
