import { isParseFault } from '../../src/base/fault.ts';
import { parseLuUrl } from '../../src/base/luUrl.ts';
import { openLuVolume } from '../../src/unit/lu/luVolume.ts';

/** Holds an LU with a key, says so on stdout, and waits to be killed: `initiatorHolder URL KEY`. */
const [text, key] = process.argv.slice(2);
const url = parseLuUrl(text);
if (isParseFault(url)) throw new Error(url.reason);
await openLuVolume({
  url,
  writable: true,
  initiatorName: 'iqn.2024-01.lab.example:unit',
  isid: Uint8Array.of(0x80, 0, 0, 0, 1, 0),
  lockKey: BigInt(key),
});
process.stdout.write('held\n');
setInterval(() => undefined, 1000);
