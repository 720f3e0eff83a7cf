// GraphiQL in a real browser, by the steps of docs/TUTORIAL.md.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { browse, content, createUntilReceived, keepPicture, paste, untilItHolds, visit } from './support/browser.js';
import { serve } from './support/server.js';

describe('GraphiQL', () => {
  let server;
  let browser;

  before(async () => {
    server = await serve();
    browser = await browse();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('the steps of the tutorial lead from an account to a list of tasks', async () => {
    const { page, complaints } = await visit(browser, server, '/');
    const query = page.locator('.graphiql-query-editor .CodeMirror');
    const headers = page.locator('.graphiql-editor-tool .CodeMirror').last();
    const response = page.locator('.result-window .CodeMirror');
    const play = page.locator('.graphiql-execute-button');

    // Step 1: press play and choose an operation.
    const choose = async (operation) => {
      await play.click();
      await page.getByRole('menuitem', { name: operation, exact: true }).click();
    };
    const write = async (operation) => {
      await paste(query, operation);
      // Until the editor parses the new text, the button offers the operations of the old one.
      await page.locator('.graphiql-execute-button:not([aria-haspopup])').click();
    };

    await choose('Register');
    const registered = JSON.parse(await untilItHolds(response, 'accessToken'));
    const { accessToken, userErrors } = registered.data.register;
    assert.deepEqual(userErrors, []);

    await choose('Me');
    assert.match(await untilItHolds(response, '"viewer"'), /UNAUTHENTICATED/);

    await paste(headers, `{ "Authorization": "Bearer ${accessToken}" }`);
    await choose('Me');
    await untilItHolds(response, '"me@example.com"');
    await choose('Tasks');
    assert.deepEqual(JSON.parse(await untilItHolds(response, '"tasks"')), { data: { tasks: { nodes: [] } } });

    await write('mutation { taskCreate(input: {title: "Write the notes"}) { task { title status } } }');
    await untilItHolds(response, '"taskCreate"');
    await write('{ tasks(first: 10) { totalCount nodes { title owner { email } } } }');
    assert.deepEqual(JSON.parse(await untilItHolds(response, '"totalCount"')), {
      data: { tasks: { totalCount: 1, nodes: [{ title: 'Write the notes', owner: { email: 'me@example.com' } }] } },
    });
    await keepPicture(page, 'graphiql');

    await paste(query, 'subscription Live { taskEvents { type task { title status } } }');
    // GraphiQL parses the text before it knows that this is a subscription; the name of the tab shows that it has.
    await page.locator('.graphiql-tab').getByText('Live', { exact: true }).waitFor();
    await play.click();
    const event = JSON.parse(await createUntilReceived(server, accessToken, response));
    assert.deepEqual(event, {
      data: { taskEvents: { type: 'CREATED', task: { title: 'Live event', status: 'TODO' } } },
    });
    await play.click(); // Stops it.
    await keepPicture(page, 'graphiql-live');
    assert.deepEqual(complaints, []);
  });

  test('the documentation explorer shows the schema, and a mistake is marked', async () => {
    const { page, complaints } = await visit(browser, server, '/graphql');
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
    await page.locator('.graphiql-doc-explorer').getByText('Mutation', { exact: true }).click();
    await page.locator('.graphiql-doc-explorer').getByRole('link', { name: 'taskCreate', exact: true }).waitFor();

    const query = page.locator('.graphiql-query-editor .CodeMirror');
    await paste(query, '{ viewr { id } }');
    await page.locator('.graphiql-query-editor .CodeMirror-lint-mark-error').first().waitFor();
    assert.equal(await content(query), '{ viewr { id } }');
    assert.deepEqual(complaints, []);
  });

  test('a reload keeps the token', async () => {
    const { page, complaints } = await visit(browser, server, '/');
    const headers = page.locator('.graphiql-editor-tool .CodeMirror').last();
    await paste(headers, '{ "Authorization": "Bearer abc" }');
    await page.waitForFunction(() => JSON.stringify(localStorage).includes('Bearer abc'));
    await page.reload();
    await untilItHolds(page.locator('.graphiql-editor-tool .CodeMirror').last(), 'Bearer abc');
    assert.deepEqual(complaints, []);
  });
});
