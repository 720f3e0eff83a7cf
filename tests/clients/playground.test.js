// GraphQL Playground in a real browser.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { browse, createUntilReceived, keepPicture, paste, untilItHolds, visit } from './support/browser.js';
import { serve } from './support/server.js';

describe('GraphQL Playground', () => {
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

  test('its first tabs lead from an account to a list of tasks', async () => {
    const { page, complaints } = await visit(browser, server, '/playground');
    const { query, lower, response, last, play } = parts(page);

    await play.click();
    const registered = JSON.parse(await untilItHolds(response, 'accessToken'));
    const { accessToken, userErrors } = registered.data.register;
    assert.deepEqual(userErrors, []);

    await page.getByText('Tasks', { exact: true }).click();
    await untilItHolds(query, 'query Tasks');
    await play.click();
    await untilItHolds(response, 'UNAUTHENTICATED');

    await page.getByText('HTTP Headers').click();
    await paste(lower, `{ "Authorization": "Bearer ${accessToken}" }`);
    await play.click();
    assert.deepEqual(JSON.parse(await untilItHolds(response, '"nodes"')), { data: { tasks: { nodes: [] } } });

    await paste(query, 'mutation { taskCreate(input: {title: "Write the notes"}) { task { title status } } }');
    await play.click();
    await untilItHolds(response, '"taskCreate"');
    await paste(query, '{ tasks(first: 10) { totalCount nodes { title owner { email } } } }');
    await play.click();
    assert.deepEqual(JSON.parse(await untilItHolds(response, '"totalCount"')), {
      data: { tasks: { totalCount: 1, nodes: [{ title: 'Write the notes', owner: { email: 'me@example.com' } }] } },
    });
    await keepPicture(page, 'playground');

    await paste(query, 'subscription { taskEvents { type task { title status } } }');
    await play.click();
    const event = JSON.parse(await createUntilReceived(server, accessToken, last));
    assert.deepEqual(event, {
      data: { taskEvents: { type: 'CREATED', task: { title: 'Live event', status: 'TODO' } } },
    });
    await keepPicture(page, 'playground-live');
    assert.deepEqual(complaints, []);
  });

  test('it knows the schema, and keeps its tabs over a reload', async () => {
    const { page, complaints } = await visit(browser, server, '/playground');
    await page.getByText('Docs', { exact: true }).click();
    await page.getByText(/^\s*taskStatistics/).first().waitFor();

    await paste(parts(page).query, '{ __typename }');
    await page.waitForFunction(() => localStorage.getItem('graphql-playground')?.includes('__typename'));
    await page.reload();
    await untilItHolds(parts(page).query, '{ __typename }');
    assert.deepEqual(complaints, []);
  });

  test('a link cannot make it talk to another server', async () => {
    const { page, complaints } = await visit(browser, server, '/playground');
    await page.waitForFunction(() => localStorage.getItem('graphql-playground') !== null);
    assert.deepEqual(complaints, []);

    // Playground takes tabs from the address. It is the content policy that keeps them at home.
    const tabs = [{ endpoint: 'http://127.0.0.1:9/graphql', query: '{ __typename }' }];
    const refusal = page.waitForEvent('console', (message) => message.text().includes('Content Security Policy'));
    await page.goto(`${server.url}/playground?tabs=${encodeURIComponent(JSON.stringify(tabs))}`);
    assert.match((await refusal).text(), /http:\/\/127\.0\.0\.1:9\/graphql.*connect-src 'self'/);
  });
});

/** The parts of the tab in front. */
function parts(page) {
  const editors = page.locator('.CodeMirror');
  return {
    query: editors.nth(0),
    // Variables or headers.
    lower: editors.nth(1),
    response: editors.nth(2),
    // Of the events of a subscription, the newest is at the bottom.
    last: editors.last(),
    play: page.getByTitle('Execute Query (Ctrl-Enter)'),
  };
}
