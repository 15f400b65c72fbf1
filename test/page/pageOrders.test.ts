import assert from 'node:assert/strict';
import { ACCOUNTS, PageLab, TOKEN } from './kit/lab.ts';

describe('H4 orders on the status page', function () {
  this.timeout(60_000);
  const lab = PageLab.here();
  const { evaluate, look, open, sees } = lab;

  it('gives orders to one who knows the token, which is kept nowhere', async () => {
    await open(2);
    await look(ACCOUNTS);
    const press = (words: string): Promise<unknown> =>
      evaluate(
        `[...document.querySelectorAll('#detail button')].find((one) => one.innerText === ${JSON.stringify(words)}).click()`,
      );
    await press('Pause');
    await sees('#detail', 'A token is needed to pause.');
    await lab.page.type('#detail input[type=password]', 'another-token-of-some-length');
    await lab.page.keyboard.press('Enter');
    await sees('#detail', 'The token is wrong.');
    assert.deepEqual(lab.unit.orders, []);
    await lab.page.type('#detail input[type=password]', TOKEN);
    await lab.page.keyboard.press('Enter');
    await sees('#detail', 'pause: done');
    const to = 'file:/var/lib/mirrors/accounts.img';
    assert.deepEqual(lab.unit.orders, [{ do: 'pause', volume: ACCOUNTS, mirror: to }]);
    await lab.page.type('#detail input[type=text]', 'before the upgrade');
    await lab.page.keyboard.press('Enter');
    await sees('#detail', 'mark: done');
    assert.deepEqual(lab.unit.orders.at(-1), { do: 'mark', volume: ACCOUNTS, name: 'before the upgrade' });
    assert.equal(await evaluate('document.cookie + localStorage.length + sessionStorage.length'), '00');
    assert.ok(!(await lab.page.content()).includes(TOKEN));
    await look(ACCOUNTS);
    await press('Resync');
    await sees('#detail', 'A token is needed to resync.');
  });

  it('gives no orders where no token is configured', async () => {
    await open(2, { token: '' });
    await look(ACCOUNTS);
    assert.equal(
      await evaluate("document.querySelectorAll('#detail form, #detail .orders button:not([aria-pressed])').length"),
      0,
    );
  });
});
