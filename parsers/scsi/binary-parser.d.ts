/** The package ships its types beside its CommonJS build only, where an ES module does not look for them. */
declare module 'binary-parser' {
  import build = require('binary-parser/dist/binary_parser.js');
  export import Parser = build.Parser;
}
