import type { CommandView } from '../base/command.ts';
import { absolute, type Bus } from './bus.ts';
import type { Task } from './task.ts';

/** Hands ended commands to the sink as one reused row. */
export class CommandReporter {
  private readonly bus: Bus;
  private readonly view: CommandView;
  /** Of the command that the view is of. */
  private time = 0;

  constructor(bus: Bus) {
    this.bus = bus;
    this.view = viewOf(() => absolute(bus, this.time));
  }

  report(task: Task, session: { targetText: string }): void {
    const { sink } = this.bus;
    if (sink.command === undefined) return;
    const { view } = this;
    const { cdb } = task;
    const answered = task.ending === 'status';
    view.frame = task.frame;
    view.responseFrame = answered ? task.responseFrame : 0;
    view.stream = task.stream;
    this.time = task.time;
    view.latency = answered ? Math.max(0, task.responseTime - task.time) : -1;
    view.host = task.host;
    view.target = session.targetText;
    view.lu = task.lu.id;
    view.lun = task.lun;
    view.itt = task.itt;
    view.ordinal = task.ordinal;
    view.opcode = cdb.opcode;
    view.operation = cdb.operation.name;
    view.nature = cdb.operation.known ? cdb.operation.nature : task.writes ? 'write' : task.reads ? 'read' : 'control';
    view.lbn = cdb.lbn < 0 ? -1 : cdb.lbn;
    view.blocks = cdb.blocks;
    view.lbnExact = cdb.refusedLbn;
    view.blockSize = task.lu.blockSize;
    view.edtl = task.edtl;
    view.direction = task.reads ? (task.writes ? 'bidi' : 'r') : task.writes ? 'w' : '-';
    view.status = task.status;
    view.sense = task.sense;
    view.ending = task.ending;
    view.dataIn = task.dataIn;
    view.dataOut = task.dataOut;
    view.queueDepth = task.queueDepth;
    sink.command(view);
  }
}

/** `at`: when the command came; made for those who ask, as a large integer costs more than all the rest. */
function viewOf(at: () => bigint): CommandView {
  return {
    frame: 0,
    responseFrame: 0,
    stream: 0,
    get at() {
      return at();
    },
    latency: -1,
    host: '',
    target: '',
    lu: '',
    lun: 0,
    itt: 0,
    ordinal: 0,
    opcode: 0,
    operation: '',
    nature: 'control',
    lbn: -1,
    blocks: -1,
    lbnExact: undefined,
    blockSize: 0,
    edtl: 0,
    direction: '-',
    status: -1,
    sense: undefined,
    ending: 'unfinished',
    dataIn: 0,
    dataOut: 0,
    queueDepth: 0,
  };
}
