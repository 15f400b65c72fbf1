import { Fault } from '../src/base/fault.ts';
import { awayWords, codeOf, type Words } from './netWords.ts';

const MENDS = {
  start: 'start the unit there, or correct the port',
  look: 'look at the far unit and at the network to it',
};
const KEYS = 'both units need certificates of one authority (`tapmirror keys unit`)';

const PSK = 'both units need the same line in the file of `psk`';

/** The other unit is a stranger, or we are one to it. */
const STRANGE: Readonly<Record<string, Words>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['has a certificate of another authority', KEYS],
  UNABLE_TO_GET_ISSUER_CERT: ['has a certificate of another authority', KEYS],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['has a certificate of another authority', KEYS],
  SELF_SIGNED_CERT_IN_CHAIN: ['has a certificate of another authority', KEYS],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['has a certificate that no authority signed', KEYS],
  CERT_SIGNATURE_FAILURE: ['has a certificate that its authority did not sign', KEYS],
  CERT_HAS_EXPIRED: ['has a certificate that is over', 'make it a new one with `tapmirror keys unit`'],
  CERT_NOT_YET_VALID: ['has a certificate that is not valid yet', 'set the clocks of both machines'],
  INVALID_PURPOSE: ['has a certificate for another purpose', KEYS],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ["does not know the authority of this unit's certificate", KEYS],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ['wants a certificate of this unit', KEYS],
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: ["does not believe this unit's certificate", KEYS],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: [
    "says that this unit's certificate is over",
    'make a new one with `tapmirror keys unit`',
  ],
  ERR_SSL_BINDER_DOES_NOT_VERIFY: ['has another key than this unit for the name that it gives', PSK],
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: ['shows no pre-shared key that is known here', PSK],
  ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER: ["has another key for this unit's name", PSK],
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: ["does not know this unit's pre-shared key, or wants one", PSK],
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: ['showed no certificate', KEYS],
  ERR_SSL_WRONG_VERSION_NUMBER: ['does not speak TLS there', 'correct the port'],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ['does not speak TLS 1.3', 'use a unit of a version that does'],
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: ['does not speak TLS 1.3', 'use a unit of a version that does'],
};

/** What the system or TLS said of a connection with `name`, in words; those about strangers are not `unreachable`. */
export function linkFault(name: string, error: unknown): Fault {
  const code = typeof error === 'string' ? error : (codeOf(error) ?? 'no code');
  const strange = STRANGE[code];
  if (strange) return new Fault('local', `${name} ${strange[0]} (${code})`, strange[1], { cause: error });
  const text = error instanceof Error ? error.message : String(error);
  const [what, mend] = awayWords(code, MENDS) ?? [`failed: ${text}`, MENDS.look];
  return new Fault('local', `${name} ${what} (${code})`, mend, { cause: error, unreachable: true });
}
