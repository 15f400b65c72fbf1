import assert from 'node:assert/strict';
import { readJson } from '../../src/unit/config/configJson.ts';
import { surroundings, unitConfig } from '../../src/unit/config/configShape.ts';
import { isMistake, type Mistake, placeOf } from '../../src/unit/config/configTree.ts';
import { readYaml } from '../../src/unit/config/configYaml.ts';
import type { Random } from './random.ts';

const JSON_TEXT = `{"source": {"replay": ["a.pcap", "b.pcapng.gz"]},
 "buffer": {"bytes": "32MiB", "threshold": 0.25, "whenFull": "lbn"},
 "volumes": [{"lu": "iqn.2024-01.lab.example:1/1", "portals": ["10.0.0.1:3260", "[fd66::2]:3260"],
   "mirrors": ["file:second.img"], "first": "file:/dev/sdb", "blockSize": 512, "blocks": 2097152}],
 "settleMs": 30000, "reorder": {"ms": 500, "bytes": "2MiB"}}`;
const YAML_TEXT = `source:
  replay: [a.pcap, "-"]
volumes:
  - lu: iqn.2024-01.lab.example:1/1
    mirrors: ["file:second.img"]
    portals: &p ["10.0.0.1:3260"]
    blockSize: 0x200
buffer: {bytes: 64KiB, threshold: 0.5}
`;
const LIVE_TEXT = `{"source": {"tee": {"listen": "10.0.0.1:3262", "target": "10.0.0.2:3260", "status": "recorded"}},
 "state": "/var/lib/unit", "control": "/run/unit.sock", "record": {"chunkBytes": 65536, "hotBytes": "64MiB"},
 "volumes": [{"lu": "iqn.2024-01.lab.example:1/1", "first": "iscsi://joe%S3CR@10.0.0.2/iqn.2024-01.lab.example:1/1",
   "mirrors": ["file:second.img", {"to": "iscsi://h/t/1", "user": "joe", "secretFile": "s", "digests": "both"}]}],
 "resync": {"bytesPerSecond": "50MB"}, "initiator": "iqn.2024-01.lab.example:unit", "log": {"level": "info"}}`;
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u12',
  '-',
  '\n',
  '\t',
  '  ',
  '#',
  '&a',
  '*a',
  '<<: *a',
  '!!binary x',
  '|',
  '>',
  '1e999',
  '-1',
  '9007199254740993',
  '0x',
  'NaN',
  'null',
  'true',
  '"__proto__": {}',
  'tap: eth0',
  '\0',
  '\ud800',
  '?',
  '%',
]; // prettier-ignore

/** A configuration with mistakes in it gives a configuration, or mistakes with their place and mend. */
export function configCase(random: Random): void {
  const yaml = random.chance(3);
  let text = yaml ? YAML_TEXT : random.pick([JSON_TEXT, LIVE_TEXT]);
  for (let n = random.between(1, 5); n > 0; n--) {
    const at = random.below(text.length + 1);
    const end = Math.min(text.length, at + random.below(random.chance(4) ? 40 : 3));
    text = text.slice(0, at) + (random.chance(4) ? '' : random.pick(PIECES)) + text.slice(end);
  }
  const root = yaml ? readYaml(text) : readJson(text);
  const book: Mistake[] = [];
  if (isMistake(root)) book.push(root);
  else {
    const config = unitConfig(root, surroundings('/x', '/x/unit.json'), book);
    assert.ok(config !== undefined || book.length > 0, 'neither a configuration nor a mistake');
  }
  for (const { at, wrong, mend } of book) {
    const { line, column } = placeOf(text, at);
    assert.ok(line >= 1 && column >= 1 && at <= text.length, `a mistake at ${at} of ${text.length}`);
    assert.ok(wrong.length > 0 && mend.length > 0, 'a mistake without words or mend');
  }
}
