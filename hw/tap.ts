import { Fault } from '../src/base/fault.ts';

/** A name in a variable: the package is optional, and the compiler must not look for it. */
const PACKAGE: string = 'pcap';

/**
 * The optional package `pcap`, libpcap's binding. Rejects with a `Fault` that says what to install when it is not
 * there: `npm ci` leaves it out on a machine without libpcap's headers or without a compiler.
 */
export async function loadPcap(): Promise<object> {
  try {
    return (await import(PACKAGE)) as object;
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const what = missing ? 'is not installed' : `cannot be loaded: ${String((cause as Error).message).split('\n')[0]}`;
    const mend = 'install libpcap-dev and build-essential (Debian), or the like, and then run `npm ci` again';
    throw new Fault('local', `the optional package \`${PACKAGE}\` ${what}`, mend, { cause });
  }
}
