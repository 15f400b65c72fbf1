/** The mock of the serial port's binding, as far as tests use it: its own declarations cannot be found from an ES module. */
declare module '@serialport/binding-mock' {
  export const MockBinding: {
    reset(): void;
    createPort(path: string, options: { echo: boolean; record: boolean }): void;
    list(): Promise<unknown[]>;
    open(options: { path: string; baudRate: number }): Promise<unknown>;
  };
}
