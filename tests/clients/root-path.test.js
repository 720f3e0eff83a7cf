// The pages behind a reverse proxy that serves them under a path, in a real browser.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, before, describe, test } from 'node:test';

import { browse, createUntilReceived, paste, untilItHolds, visit } from './support/browser.js';
import { serve } from './support/server.js';

const ROOT = '/taskwire';

/** A reverse proxy that serves a server under the path. It removes the path from requests, or keeps it. */
async function proxy(server, removes) {
  const { hostname, port } = new URL(server.url);
  const upstream = (incoming) => {
    const path = removes ? incoming.url.slice(ROOT.length) || '/' : incoming.url;
    return request({ hostname, port, path, method: incoming.method, headers: incoming.headers });
  };
  const isOurs = (incoming) => incoming.url === ROOT || incoming.url.startsWith(`${ROOT}/`);
  const listener = createServer((incoming, outgoing) => {
    if (!isOurs(incoming)) return outgoing.writeHead(404).end();
    const passed = upstream(incoming);
    passed.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    incoming.pipe(passed);
  });
  listener.on('upgrade', (incoming, socket) => {
    if (!isOurs(incoming)) return socket.destroy();
    const passed = upstream(incoming);
    passed.on('upgrade', (answer, other) => {
      const lines = [];
      for (let i = 0; i < answer.rawHeaders.length; i += 2) {
        lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}\r\n`);
      }
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`);
      socket.pipe(other).pipe(socket);
      for (const end of [socket, other]) end.on('error', () => [socket, other].forEach((one) => one.destroy()));
    });
    passed.on('error', () => socket.destroy());
    passed.end();
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${listener.address().port}`;
  return {
    url,
    close: () => {
      listener.closeAllConnections();
      listener.close();
    },
  };
}

for (const removes of [true, false]) {
  describe(`Behind a proxy that ${removes ? 'removes' : 'keeps'} the path`, () => {
    let server;
    let browser;
    let front;
    let token;

    before(async () => {
      server = await serve({ ROOT_PATH: ROOT });
      token = await server.registers('ada');
      front = await proxy(server, removes);
      browser = await browse();
    });
    after(async () => {
      await browser?.close();
      front?.close();
      await server?.stop();
    });

    test('GraphiQL runs a query and a subscription', async () => {
      const { page, complaints } = await visit(browser, front, `${ROOT}/`);
      const query = page.locator('.graphiql-query-editor .CodeMirror');
      const headers = page.locator('.graphiql-editor-tool .CodeMirror').last();
      const response = page.locator('.result-window .CodeMirror');
      const play = page.locator('.graphiql-execute-button:not([aria-haspopup])');
      const tab = (name) => page.locator('.graphiql-tab').getByText(name, { exact: true });
      await paste(headers, `{ "Authorization": "Bearer ${token}" }`);
      await paste(query, 'query Me { viewer { username } }');
      await tab('Me').waitFor();
      await play.click();
      await untilItHolds(response, '"ada"');
      await paste(query, 'subscription Live { taskEvents { snapshot { title } } }');
      await tab('Live').waitFor();
      await play.click();
      await createUntilReceived(server, token, response);
      assert.deepEqual(complaints, []);
    });

    test('Playground loads the schema', async () => {
      const { page, complaints } = await visit(browser, front, `${ROOT}/playground`);
      await page.getByText('Docs', { exact: true }).click();
      await page.getByText(/^\s*taskStatistics/).first().waitFor();
      assert.deepEqual(complaints, []);
    });

    test('Swagger UI sends its requests under the path', async () => {
      const { page, complaints } = await visit(browser, front, `${ROOT}/docs`);
      const health = page.locator('[id^="operations-"]', { hasText: '/livez' }).first();
      await health.locator('.opblock-summary').click();
      await health.getByRole('button', { name: 'Try it out' }).click();
      await health.getByRole('button', { name: 'Execute' }).click();
      const answer = health.locator('.live-responses-table .response');
      await answer.waitFor();
      assert.match(await answer.textContent(), /^200/);
      assert.match(await health.locator('.request-url').textContent(), new RegExp(`${front.url}${ROOT}/livez`));
      assert.deepEqual(complaints, []);
    });

    test('ReDoc shows the document', async () => {
      const { page, complaints } = await visit(browser, front, `${ROOT}/redoc`);
      await page.getByRole('heading', { name: 'List tasks' }).waitFor();
      assert.deepEqual(complaints, []);
    });
  });
}
