import koffi from 'koffi';

/** The system's own functions; a negative answer is a failure, whose number `errno` tells. */
export interface PunchCalls {
  fallocate: {
    (fd: number, mode: number, offset: number, length: number): number;
    async(
      fd: number,
      mode: number,
      offset: number,
      length: number,
      done: (error: Error | null, result: number) => void,
    ): void;
  };
  lseek(fd: number, offset: number, whence: number): number;
  errno(): number;
}

/** Throws where the system has none of these. Imported late: the package may be missing. */
export function punchCalls(): PunchCalls {
  const c = koffi.load(null);
  return {
    fallocate: c.func('int fallocate64(int fd, int mode, int64_t offset, int64_t len)') as PunchCalls['fallocate'],
    lseek: c.func('int64_t lseek64(int fd, int64_t offset, int whence)') as PunchCalls['lseek'],
    errno: () => koffi.errno(),
  };
}
