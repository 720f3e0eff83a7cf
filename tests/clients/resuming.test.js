// The resuming clients of docs/LIVE.md, through outages, expired tokens and refused refreshes.
//
// TASKWIRE_OUTAGE_SECONDS sets how long the server is away.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer, connect as connectTcp } from 'node:net';
import { after, before, describe, test } from 'node:test';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import WebSocket from 'ws';

import { browse } from './support/browser.js';
import { expiringIn, serveWithOutages, signIn } from './support/outage.js';
import { inChromium, inNode, openWith } from './support/resuming/places.js';
import { PASSWORD, serve } from './support/server.js';
import { bundle } from './support/typescript.js';
import { PATIENCE, within } from './support/wait.js';

const OUTAGE = 1000 * Number(process.env.TASKWIRE_OUTAGE_SECONDS ?? 2);

const { EVENTS, names, start } = await import('./support/resuming/clients.js');
const { connect } = await import('./examples/resuming.ts');

const cursor = async (server, token) => (await server.graphql(token, '{ eventCursor }')).eventCursor;

/** Waits until something holds, looking again and again. */
async function until(what, holds, state = () => '') {
  const deadline = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}; ${JSON.stringify(await state())}`);
    await pause(50);
  }
}

for (const [name, open] of Object.entries({ 'Node.js': inNode, Chromium: inChromium })) {
  test(
    `in ${name}, nothing is lost or repeated while the token expires, refreshes fail and the server is away`,
    { timeout: 2 * PATIENCE + OUTAGE },
    async () => {
      const outage = await serveWithOutages();
      const place = await open(outage.url);
      const all = () => Promise.all(names.map((name) => place.seen(name)));
      try {
        const token = await outage.server.registers('ada');
        const expected = [];
        const write = async (title) => {
          await outage.server.createsTask(token, { title });
          expected.push(title);
        };
        const delivered = () =>
          until(`${expected.length} events for each client`, async () => {
            const seen = await all();
            assert.deepEqual(seen.map(({ error }) => error).filter(Boolean), []);
            return seen.every(({ events }) => events.length >= expected.length);
          }, all);

        const begin = await cursor(outage.server, token);
        for (const name of names) {
          const { accessToken, refreshToken } = await signIn(outage.server, 'ada');
          const tokens = { accessToken: expiringIn(3, accessToken), refreshToken };
          await place.start(name, { url: outage.url, tokens, refusals: 3, after: begin });
        }
        for (const title of ['one', 'two', 'three']) await write(title);
        await delivered();

        let number = 0;
        const renewed = async () => {
          await write(`while tokens expire ${(number += 1)}`);
          return (await all()).every(({ renewals }) => renewals > 0);
        };
        await until('a new token for each client', renewed, all);
        await delivered();

        await outage.goAway();
        await pause(OUTAGE);
        await outage.comeBack();
        for (const title of ['back', 'again']) await write(title);
        await delivered();
        await write('last');
        await delivered();

        for (const [index, { events, error, ...counts }] of (await all()).entries()) {
          assert.deepEqual(events.map(({ title }) => title), expected, names[index]);
          assert.equal(error, undefined);
          assert.deepEqual(counts, { refusals: 3, renewals: 1, loads: 0 }, names[index]);
        }
      } finally {
        await place.close();
        await outage.stop();
      }
    },
  );
}

describe('a resuming client', () => {
  let server;
  before(async () => {
    server = await serve();
  });
  after(() => server?.stop());

  const settings = { webSocketImpl: WebSocket };

  /** Starts one that stops with its test, however that ends. */
  function running(context, name, config) {
    const { seen, stop } = start(name, { url: server.endpoint, refusals: 0, settings, ...config });
    context.after(stop);
    return seen;
  }

  /** A new account with a token and a session. */
  async function somebody(name) {
    const token = await server.registers(name);
    return { token, tokens: await signIn(server, name) };
  }

  for (const name of names) {
    test(`${name}: after RESYNC_REQUIRED it loads once and goes on`, async (context) => {
      const other = await serve();
      const unknown = await cursor(other, await other.registers('ada'));
      await other.stop();
      const { token, tokens } = await somebody(`resync${names.indexOf(name)}`);
      const seen = running(context, name, { tokens, after: unknown });
      await until('a load', () => seen.loads === 1 || seen.error);
      await server.createsTask(token, { title: 'after the load' });
      await until('the event', () => seen.events.length > 0 || seen.error);
      assert.deepEqual(seen.events.map(({ title }) => title), ['after the load']);
      assert.deepEqual([seen.loads, seen.error], [1, undefined]);
    });

    test(`${name}: it ends when the user has to sign in again`, async (context) => {
      const { token, tokens } = await somebody(`ended${names.indexOf(name)}`);
      const after = await cursor(server, token);
      const seen = running(context, name, { tokens, after });
      await server.createsTask(token, { title: 'before' });
      await until('the event', () => seen.events.length > 0);
      await server.graphql(tokens.accessToken, 'mutation { logout { success } }');
      await until('the end', () => seen.error);
      assert.match(seen.error, /signed out|SignedOut|[Rr]efresh token/);
    });
  }

  test('a request that is wrong is not repeated', async () => {
    const { tokens } = await somebody('wrong');
    let attempts = 0;
    const session = { accessToken: tokens.accessToken, renew: () => assert.fail('the token is good') };
    const client = connect(server.socket, { session, load: () => assert.fail('nothing to load') }, settings);
    client.on('message', ({ type }) => (attempts += type === 'error'));
    const request = { query: 'subscription { colours }', variables: { after: 'any' } };
    const failed = new Promise((resolve, reject) => {
      client.subscribe(request, { next: reject, error: resolve, complete: reject });
    });
    const [error] = await within('the error', failed);
    assert.equal(error.extensions.code, 'GRAPHQL_VALIDATION_FAILED');
    assert.equal(attempts, 1);
  });

  test('a mutation over the socket is sent once', async () => {
    const { token, tokens } = await somebody('once');
    const session = { accessToken: tokens.accessToken, renew: () => assert.fail('the token is good') };
    const client = connect(server.socket, { session, load: () => assert.fail('nothing to load') }, settings);
    const query = 'mutation { taskCreate(input: { title: "Once" }) { task { title } } }';
    const result = await new Promise((next, error) => client.subscribe({ query }, { next, error, complete: () => {} }));
    assert.deepEqual(result.data.taskCreate.task, { title: 'Once' });
    const { tasks } = await server.graphql(token, '{ tasks { totalCount } }');
    assert.equal(tasks.totalCount, 1);
  });

  test('a network that drops everything without a word is noticed', async (context) => {
    const { token, tokens } = await somebody('silence');
    // A proxy that stops to forward, and closes nothing.
    let silent = false;
    const sockets = [];
    const proxy = createServer((near) => {
      const far = connectTcp(new URL(server.url).port, '127.0.0.1');
      sockets.push(near, far);
      const forward = silent;
      near.on('error', () => {}).on('data', (data) => forward === silent && far.write(data));
      far.on('error', () => {}).on('data', (data) => forward === silent && near.write(data));
    });
    await new Promise((listening) => proxy.listen(0, '127.0.0.1', listening));
    const session = { accessToken: tokens.accessToken, renew: () => assert.fail('the token is good') };
    const load = () => cursor(server, token);
    const url = `ws://127.0.0.1:${proxy.address().port}/graphql`;
    const client = connect(url, { session, load }, { ...settings, keepAlive: 200 });
    const titles = [];
    context.after(async () => {
      await client.dispose();
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    client.subscribe(
      { query: EVENTS, variables: { after: await load() } },
      { next: ({ data }) => titles.push(data.taskEvents.task.title), error: assert.fail, complete: () => {} },
    );
    for (const title of ['before', 'meanwhile']) {
      await server.createsTask(token, { title });
      await until(title, () => titles.includes(title));
      // Connections from now on work; those up to now do not.
      silent = true;
    }
    assert.deepEqual(titles, ['before', 'meanwhile']);
  });

  test('the program of docs/LIVE.md prints the tasks of a user and their changes', async (context) => {
    const { token } = await somebody('watcher');
    await server.createsTask(token, { title: 'before' });
    const program = spawn(
      process.execPath,
      [
        ...['./support/typescript.js', './support/websocket-global.js'].flatMap((path) => ['--import', path]),
        ...['./examples/watch.ts', 'watcher', PASSWORD],
      ],
      { cwd: fileURLToPath(new URL('.', import.meta.url)), env: { TASKWIRE_URL: `${server.url}/graphql` } },
    );
    context.after(() => program.kill());
    let output = '';
    for (const stream of [program.stdout, program.stderr]) stream.on('data', (data) => (output += data));
    await until('the list', () => output.includes('TODO before\nWaiting for changes.\n'), () => output);
    await server.createsTask(token, { title: 'after' });
    await until('the event', () => output.endsWith('CREATED TODO after\n'), () => output);
  });

  test('two tabs of a browser share one refresh', async (test) => {
    const { tokens } = await somebody('tabs');
    const script = await bundle('../examples/session.ts', 'taskwire');
    const browser = await browse();
    test.after(() => browser.close());
    const context = await browser.newContext({ bypassCSP: true });
    const requests = [];
    context.on('request', (request) => request.postData()?.includes('Refresh') && requests.push(request));
    const open = () => openWith(context, `${server.url}/livez`, script);
    const tabs = [await open(), await open()];
    await tabs[0].evaluate((tokens) => localStorage.setItem('tokens', JSON.stringify(tokens)), tokens);
    const renew = (tab) =>
      tab.evaluate(async (refused) => {
        const store = {
          read: () => JSON.parse(localStorage.getItem('tokens')),
          write: (tokens) => localStorage.setItem('tokens', JSON.stringify(tokens)),
        };
        const session = new taskwire.Session(store, (token) => taskwire.refresh('/graphql', token));
        await Promise.all([session.renew(refused), session.renew(refused)]);
        return session.accessToken;
      }, tokens.accessToken);
    const [first, second] = await Promise.all(tabs.map(renew));
    assert.equal(first, second);
    assert.equal(requests.length, 1);
  });
});
