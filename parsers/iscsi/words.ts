/** RFC 7143's coded reasons in words. */

const LOGIN: Readonly<Record<number, string>> = {
  257: 'the target has moved for now',
  258: 'the target has moved for good',
  512: 'an initiator error',
  513: 'the authentication failed',
  514: 'this initiator is not allowed to use the target',
  515: 'there is no target of that name',
  516: 'the target was removed',
  517: 'the version of the protocol is not supported',
  518: 'too many connections',
  519: 'a parameter is missing',
  520: 'the connection cannot be part of that session',
  521: 'sessions of that type are not supported',
  522: 'the session does not exist',
  523: 'the request was not valid during login',
  768: 'a target error',
  769: 'the service is not available for now',
  770: 'the target is out of resources',
};

/** A login response's Status-Class and Status-Detail, RFC 7143 section 11.13.5. */
export function loginStatusWords(statusClass: number, detail: number): string {
  const code = `status ${hex(statusClass)}${hex(detail)}h`;
  const words = LOGIN[statusClass * 256 + detail];
  return words === undefined ? code : `${words} (${code})`;
}

const REJECTS: Readonly<Record<number, string>> = {
  2: 'data digest error',
  3: 'SNACK reject',
  4: 'protocol error',
  5: 'command not supported',
  6: 'too many immediate commands',
  7: 'task in progress',
  8: 'invalid data ack',
  9: 'invalid PDU field',
  10: 'long operation reject',
  11: 'negotiation reset',
  12: 'waiting for logout',
};

/** A Reject PDU's reason, RFC 7143 section 11.17.1. */
export function rejectWords(reason: number): string {
  return REJECTS[reason] ?? `reason ${hex(reason)}h`;
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}
