import { createInterface } from 'node:readline';
import { putWrite } from '../../../parsers/scsi/build.ts';
import { Host } from './host.ts';
import { LEDGER_BLOCKS, type LedgerOrder, ledgerBlock } from './ledger.ts';

/**
 * A host that writes step after step to several LUs in turn, each write only once the last is done, as a process of its own:
 * `ledgerChild ORDER`, a `LedgerOrder` in JSON. Says `at N` after each; `mark` on standard input writes the marker block of the
 * first LU before the next step and says `marked N`, `stop` ends it.
 */
const order = JSON.parse(process.argv[2]) as LedgerOrder;
const hosts = order.urls.map((url, n) => new Host({ url, initiator: `${order.initiator}-${n}` }));
let stopped = false;
let marker: string | undefined;

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'stop') stopped = true;
  else marker = line;
});

async function write(n: number, lbn: number, out: Uint8Array): Promise<void> {
  const cdb = new Uint8Array(16);
  putWrite(cdb, lbn, 1, false);
  await hosts[n].do(cdb, { out });
}

for (const host of hosts) await host.open();
let step = order.from;
for (; !stopped; step++) {
  await write(
    step % hosts.length,
    Math.floor(step / hosts.length) % LEDGER_BLOCKS,
    ledgerBlock(step, hosts[0].blockSize),
  );
  process.stdout.write(`at ${step}\n`);
  if (marker === undefined) continue;
  const block = new Uint8Array(hosts[0].blockSize);
  block.set(new TextEncoder().encode(marker));
  marker = undefined;
  await write(0, LEDGER_BLOCKS, block);
  process.stdout.write(`marked ${step}\n`);
}
for (const host of hosts) await host.close();
process.stdout.write(`end ${step - 1}\n`);
process.exit();
