/** The package, loaded with this file: only late, as it is optional. A bundle's kept code cannot import it by itself. */
export { SerialPortStream } from '@serialport/stream';
