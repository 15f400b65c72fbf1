import type { ChildProcess } from 'node:child_process';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outcome, type Processes } from './processes.ts';
import { until, when } from './until.ts';

export interface IstgtOptions {
  space: string;
  /** What it writes goes there. */
  folder: string;
  /** `IPv4:PORT`. */
  portal: string;
  target: string;
  image: string;
  blockSize?: number;
}

/** istgt, a second target that has nothing in common with tgt: one LU, LUN 0. */
export class Istgt {
  readonly options: IstgtOptions;
  readonly #processes: Processes;
  #child: ChildProcess | undefined;

  constructor(processes: Processes, options: IstgtOptions) {
    this.#processes = processes;
    this.options = options;
  }

  async start(): Promise<void> {
    const { space, folder, portal } = this.options;
    mkdirSync(join(folder, 'media'), { recursive: true });
    writeFileSync(join(folder, 'auth.conf'), '');
    writeFileSync(join(folder, 'istgt.conf'), configuration(this.options));
    this.#child = this.#processes.start(space, ['istgt', '-D', '-c', join(folder, 'istgt.conf')]);
    await until(`istgt at ${portal}`, async () => when((await outcome(space, listening(portal))).code === 0));
  }

  async stop(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.#child) await this.#processes.end(this.#child, signal);
    this.#child = undefined;
  }
}

/** A command that succeeds once somebody listens there. */
function listening(portal: string): string[] {
  const [host, port] = portal.split(':');
  const code = `require('net').connect(${port}, '${host}', () => process.exit(0)).on('error', () => process.exit(1))`;
  return [process.execPath, '-e', code];
}

function configuration({ folder, portal, target, image, blockSize = 512 }: IstgtOptions): string {
  const [host, port] = portal.split(':');
  return `[Global]
  NodeBase "iqn.2024-01.lab.example"
  PidFile ${folder}/istgt.pid
  AuthFile ${folder}/auth.conf
  MediaDirectory ${folder}/media
  LogFacility "local7"
  Timeout 30
  NopInInterval 20
  DiscoveryAuthMethod None
  MaxSessions 16
  MaxConnections 4
  MaxR2T 32
  MaxOutstandingR2T 16
  DefaultTime2Wait 2
  DefaultTime2Retain 60
  FirstBurstLength 262144
  MaxBurstLength 1048576
  MaxRecvDataSegmentLength 262144
  InitialR2T Yes
  ImmediateData Yes
  DataPDUInOrder Yes
  DataSequenceInOrder Yes
  ErrorRecoveryLevel 0
[UnitControl]
  AuthMethod CHAP Mutual
  AuthGroup AuthGroup10000
  Portal UC1 ${host}:${Number(port) + 50}
  Netmask 127.0.0.1
[PortalGroup1]
  Portal DA1 ${portal}
[InitiatorGroup1]
  InitiatorName "ALL"
  Netmask ALL
[LogicalUnit1]
  TargetName ${target}
  Mapping PortalGroup1 InitiatorGroup1
  AuthMethod None
  AuthGroup None
  UseDigest Auto
  UnitType Disk
  QueueDepth 32
  BlockLength ${blockSize}
  LUN0 Storage ${image} ${statSync(image).size}
`;
}
