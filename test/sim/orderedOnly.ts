import { Fault } from '../../src/base/fault.ts';

/** What a volume that is written in order only does with everything else. */
export class OrderedOnly {
  read(): Promise<void> {
    return Promise.reject(new Fault('bug', 'nobody reads it'));
  }

  writev(): Promise<void> {
    return Promise.reject(new Fault('bug', 'it is written in order only'));
  }

  zero(): Promise<void> {
    return this.writev();
  }

  unmap(): Promise<void> {
    return this.writev();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  onSizeChange(): void {}
}
