import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isParseFault } from '../../../src/base/fault.ts';
import { isVolumeName, journeyUrlText, parseJourneyUrl } from '../../../src/base/journeyUrl.ts';

describe('D1 journey URLs', () => {
  it('name a host, a port and a volume', () => {
    assert.deepEqual(parseJourneyUrl('journey://10.0.0.1:7260/vol1'), { host: '10.0.0.1', port: 7260, volume: 'vol1' });
    assert.deepEqual(parseJourneyUrl('JOURNEY://Site-B.example:1/a%20b%25'), {
      host: 'site-b.example',
      port: 1,
      volume: 'a b%',
    });
    assert.deepEqual(parseJourneyUrl('journey://[FD00:0::9]:7260/ö'), { host: 'fd00::9', port: 7260, volume: 'ö' });
  });

  const wrong: [text: string, offset: number, reason: RegExp][] = [
    ['iscsi://h:1/v', 0, /does not begin with journey/],
    ['journey://h/v', 11, /the port is missing/],
    ['journey://h:0/v', 12, /from 1 to 65535/],
    ['journey://h:65536/v', 12, /from 1 to 65535/],
    ['journey://h:7260', 16, /name is missing after the port/],
    ['journey://h:7260/', 17, /name is empty/],
    ['journey://h:7260/a/b', 18, /"\/" stands behind/],
    ['journey://h:7260/a?b', 18, /"\?" stands behind/],
    ['journey://h:7260/%2F', 17, /without a slash/],
    ['journey://h:7260/%0A', 17, /1 to 64 characters/],
    ['journey://h:7260/%', 17, /broken %-escape/],
    ['journey://joe@h:7260/v', 13, /by certificates, not by users/],
    ['journey://fd00::9:7260/v', 10, /in brackets/],
    ['journey://h h:7260/v', 10, /neither a name nor/],
    ['journey://300.0.0.1:7260/v', 10, /neither a name nor/],
  ];
  for (const [text, offset, reason] of wrong) {
    it(`${text} is told where it is wrong`, () => {
      const read = parseJourneyUrl(text);
      assert.ok(isParseFault(read), JSON.stringify(read));
      assert.match(read.reason, reason);
      assert.equal(read.offset, offset);
    });
  }

  it('read back what they were made of', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isVolumeName);
    const host = fc.constantFrom('10.0.0.1', 'fd00::9', 'far.example');
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65535 }), name, (host, port, volume) => {
        assert.deepEqual(parseJourneyUrl(journeyUrlText({ host, port, volume })), { host, port, volume });
      }),
    );
  });

  it('whatever is written is read or told', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parseJourneyUrl(`journey://${text}`);
        assert.ok(isParseFault(read) || (isVolumeName(read.volume) && read.port > 0));
      }),
    );
  });
});
