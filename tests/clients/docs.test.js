// Swagger UI and ReDoc in a real browser, which reaches nothing but the server.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { browse, keepPicture, visit } from './support/browser.js';
import { PASSWORD, serve } from './support/server.js';

describe('The pages of the REST API', () => {
  let server;
  let browser;

  before(async () => {
    server = await serve();
    await server.registers('ada');
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  for (const path of ['/docs', '/docs/', '/api/v1/docs', '/api/v1/docs/']) {
    test(`${path} shows every operation, and lets a person sign in and try one`, async () => {
      const { page, complaints } = await visit(browser, server, path);
      const document = await (await fetch(`${server.url}/openapi.json`)).json();
      const operations = Object.values(document.paths).flatMap((item) => Object.keys(item));
      await page.locator('.opblock').nth(operations.length - 1).waitFor();
      assert.equal(await page.locator('.opblock').count(), operations.length);

      await page.getByRole('button', { name: 'Authorize' }).first().click();
      const form = page.locator('.auth-container', { hasText: 'OAuth2' });
      await form.getByLabel('username:').fill('ada');
      await form.getByLabel('password:').fill(PASSWORD);
      await form.locator('button.authorize').click();
      await form.getByText('Logout').waitFor();
      await page.locator('.btn-done').first().click();

      const me = page.locator('#operations-auth-getMe');
      await me.locator('.opblock-summary').click();
      await me.getByRole('button', { name: 'Try it out' }).click();
      await me.getByRole('button', { name: 'Execute' }).click();
      const answer = me.locator('.live-responses-table .response');
      await answer.waitFor();
      assert.match(await answer.textContent(), /^200.*"role": "user"/s);
      await keepPicture(page, 'swagger-ui');
      assert.deepEqual(complaints, []);
    });
  }

  for (const path of ['/redoc', '/redoc/', '/api/v1/redoc', '/api/v1/redoc/']) {
    test(`${path} shows the document and finds words in it`, async () => {
      const { page, complaints } = await visit(browser, server, path);
      await page.getByRole('heading', { name: 'List tasks' }).waitFor();
      await page.getByPlaceholder('Search').fill('trash');
      await page.getByRole('menuitem', { name: /Restore a task from the trash/ }).first().waitFor();
      await keepPicture(page, 'redoc');
      assert.deepEqual(complaints, []);
    });
  }
});
