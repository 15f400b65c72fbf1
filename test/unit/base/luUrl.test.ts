import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isParseFault } from '../../../src/base/fault.ts';
import { type LuUrl, luUrlText, parseLuUrl, withoutSecret } from '../../../src/base/luUrl.ts';

function read(text: string): LuUrl {
  const url = parseLuUrl(text);
  assert.ok(!isParseFault(url), JSON.stringify(url));
  return url;
}

describe('B5 the URL of a logical unit', () => {
  const good: [text: string, wanted: LuUrl][] = [
    ['iscsi://10.0.0.1/iqn.2024-01.a:b/0', { host: '10.0.0.1', port: 3260, target: 'iqn.2024-01.a:b', lun: 0 }],
    ['ISCSI://SAN.Example:3261/iqn.x/12', { host: 'san.example', port: 3261, target: 'iqn.x', lun: 12 }],
    ['iscsi://[FD66:0:0::2]:3262/eui.02/1', { host: 'fd66::2', port: 3262, target: 'eui.02', lun: 1 }],
    ['iscsi://[::1]/naa.52/1', { host: '::1', port: 3260, target: 'naa.52', lun: 1 }],
    ['iscsi://joe@h/t/1', { host: 'h', port: 3260, target: 't', lun: 1, user: 'joe' }],
    [
      'iscsi://joe%a%40b%2Fc%25@h:1/t/16383',
      { host: 'h', port: 1, target: 't', lun: 16383, user: 'joe', secret: 'a@b/c%' },
    ],
    ['iscsi://joe%p@ss@h/t/1', { host: 'h', port: 3260, target: 't', lun: 1, user: 'joe', secret: 'p@ss' }],
  ];
  for (const [text, wanted] of good) it(text, () => assert.deepEqual(read(text), wanted));

  const bad: [text: string, offset: number, reason: RegExp][] = [
    ['file:a', 0, /begin with iscsi:\/\//],
    ['iscsi://h', 9, /target name and a LUN/],
    ['iscsi://h/t', 11, /a LUN is missing/],
    ['iscsi://h/t/', 12, /LUN is not a decimal/],
    ['iscsi://h/t/-1', 12, /LUN is not a decimal/],
    ['iscsi://h/t/16384', 12, /from 0 to 16383/],
    ['iscsi://h/t/1/2', 12, /LUN is not a decimal/],
    ['iscsi://h//1', 10, /target name is empty/],
    [`iscsi://h/${'x'.repeat(224)}/1`, 10, /longer than 223 bytes \(RFC 7143/],
    ['iscsi://h/a%20b/1', 10, /a space or a slash/],
    ['iscsi://h/a%zz/1', 10, /broken %-escape/],
    ['iscsi://h/t/1?header_digest=crc32c', 13, /options after a "\?"/],
    ['iscsi:///t/1', 8, /neither a name nor an IP address/],
    ['iscsi://10.0.0.256/t/1', 8, /neither a name/],
    ['iscsi://10.0.0.1:0/t/1', 17, /a port is a number/],
    ['iscsi://10.0.0.1:65536/t/1', 17, /a port is a number/],
    ['iscsi://10.0.0.1:x/t/1', 8, /not a port/],
    ['iscsi://fd66::2/t/1', 8, /in brackets/],
    ['iscsi://[10.0.0.1]/t/1', 8, /neither a name/],
    ['iscsi://a b/t/1', 8, /neither a name/],
    ['iscsi://@h/t/1', 8, /user name is missing/],
    ['iscsi://%s@h/t/1', 8, /user name is missing/],
    ['iscsi://u%@h/t/1', 10, /the secret is empty/],
    ['iscsi://u:s@h/t/1', 9, /parted by "%"/],
    ['iscsi://u%1%@h/t/1', 10, /written %25/],
    ['iscsi://u%a/b@h/t/1', 11, /written %2F/],
  ];
  for (const [text, offset, reason] of bad) {
    it(`refuses ${text.slice(0, 40)}`, () => {
      const fault = parseLuUrl(text);
      assert.ok(isParseFault(fault));
      assert.match(fault.reason, reason);
      assert.equal(fault.offset, offset);
    });
  }

  it('a text made of it reads back the same, without the secret', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abz09.-:%/?#@é'), minLength: 1, maxLength: 20 });
    const keys = {
      host: fc.constantFrom('h', 'san.example', '10.0.0.1', 'fd66::2'),
      port: fc.integer({ min: 1, max: 65535 }),
      target: name.filter((text) => !text.includes('/')),
      lun: fc.integer({ min: 0, max: 16383 }),
      user: fc.constantFrom('u', 'joe'),
    };
    const url = fc.record(keys, { noNullPrototype: true });
    fc.assert(
      fc.property(url, fc.string({ minLength: 1 }), (one, secret) => {
        const text = luUrlText({ ...one, secret });
        assert.deepEqual(read(text), one);
        assert.equal(text, luUrlText(one));
      }),
    );
  });

  it('no text shows a secret, whatever is wrong with the URL', () => {
    const secret = fc.string({ unit: fc.constantFrom(...'sS%:@/?#. '), maxLength: 12 }).map((text) => `S3cr${text}3T`);
    fc.assert(
      fc.property(
        fc.constantFrom('iscsi://', 'ISCSI://', 'iscsi:/', 'iscsi:', 'iscs://', ''),
        fc.constantFrom('%', ':'),
        secret,
        fc.constantFrom('@h:3260/iqn.2024-01.a:b/1', '@h', '@', '@[::1]/t/1?x=1'),
        (scheme, mark, hidden, rest) => {
          const shown = withoutSecret(`${scheme}joe${mark}${hidden}${rest}`);
          assert.doesNotMatch(shown, /S3cr|3T/);
          assert.match(shown, /joe@/);
          const fault = parseLuUrl(`${scheme}joe${mark}${hidden}${rest}`);
          if (isParseFault(fault)) assert.doesNotMatch(fault.reason, /S3cr|joe/);
        },
      ),
    );
    assert.equal(withoutSecret('iscsi://joe%S3crh/t/1'), 'iscsi://joe%.../t/1');
    assert.equal(withoutSecret('iscsi://h/t/1?target_password=S3cr'), 'iscsi://h/t/1?...');
  });

  it('leaves a text without a secret as it was written', () => {
    for (const text of ['iscsi://joe@H:3260/iqn.2024-01.a:b/1', 'iscsi://[::1]:3260/iqn.a:b%20c/1', 'iscsi://h/t/1']) {
      assert.equal(withoutSecret(text), text);
    }
  });

  it('any text at all is a URL or a fault inside it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const words of [text, `iscsi://${text}`]) {
          const url = parseLuUrl(words);
          if (isParseFault(url)) assert.ok(url.offset >= 0 && url.offset <= words.length);
        }
      }),
    );
  });
});
