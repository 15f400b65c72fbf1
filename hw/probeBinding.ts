/** The package, loaded with this file: only late, as it is optional. A bundle's kept code cannot import it by itself. */
export { autoDetect } from '@serialport/bindings-cpp';
