// GraphQL over WebSocket, by the reference implementations of both subprotocols.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { createClient } from 'graphql-ws';
import { SubscriptionClient } from 'subscriptions-transport-ws';
import WebSocket from 'ws';

import { EVENTS, collector, connectSocket } from './support/live.js';
import { serve } from './support/server.js';
import { within } from './support/wait.js';

const VIEWER = '{ viewer { username } }';

describe('GraphQL over WebSocket', () => {
  let server;

  before(async () => {
    server = await serve();
  });
  after(() => server?.stop());

  const cursor = async (token) => (await server.graphql(token, '{ eventCursor }')).eventCursor;

  describe('with graphql-ws', () => {
    const clients = [];
    const open = (token, options = {}) => {
      const client = connectSocket(server, token, options);
      clients.push(client);
      return client;
    };
    after(() => Promise.all(clients.map((client) => client.dispose())));

    test('a query is answered once', async () => {
      const client = open(await server.registers('ada'));
      const answers = [];
      for await (const answer of client.iterate({ query: VIEWER })) answers.push(answer);
      assert.deepEqual(answers, [{ data: { viewer: { username: 'ada' } } }]);
      await assert.rejects(client.iterate({ query: '{ viewr }' }).next(), ([error]) => {
        return error.extensions.code === 'GRAPHQL_VALIDATION_FAILED';
      });
    });

    test('a subscription loses nothing and repeats nothing, however often its connection breaks', async () => {
      const token = await server.registers('bob');
      let connections = 0;
      const client = open(token, { on: { connected: () => (connections += 1) } });
      const { sink, titles, until } = collector();
      client.subscribe({ query: EVENTS, variables: { after: await cursor(token) } }, sink);
      const expected = [];
      for (let round = 0; round < 4; round += 1) {
        for (let number = 0; number < 5; number += 1) {
          const title = `${round}.${number}`;
          await server.createsTask(token, { title });
          expected.push(title);
        }
        // Once when all has come, once in the middle.
        if (round % 2 === 0) await until(expected.length);
        client.terminate();
      }
      await until(expected.length);
      await server.createsTask(token, { title: 'last' });
      await until(expected.length + 1);
      assert.deepEqual(titles(), [...expected, 'last']);
      assert.ok(connections >= 3, `${connections} connections`);
    });

    test('a token that does not count closes with 4403, and a good one later does', async () => {
      const good = await server.registers('cleo');
      const tokens = ['nonsense', good];
      const codes = [];
      const client = createClient({
        url: server.socket,
        webSocketImpl: WebSocket,
        connectionParams: () => ({ Authorization: `Bearer ${tokens.shift()}` }),
        retryWait: async () => {},
        shouldRetry: () => true,
        on: { closed: ({ code }) => codes.push(code) },
      });
      clients.push(client);
      const { value } = await within('the answer', client.iterate({ query: VIEWER }).next());
      assert.deepEqual(value.data, { viewer: { username: 'cleo' } });
      assert.deepEqual(codes, [4403]);
    });

    test('nobody gets an error and keeps the connection', async () => {
      const client = createClient({ url: server.socket, webSocketImpl: WebSocket, lazy: false });
      clients.push(client);
      await assert.rejects(client.iterate({ query: EVENTS }).next(), ([error]) => {
        return error.extensions.code === 'UNAUTHENTICATED';
      });
      const { value } = await client.iterate({ query: '{ __typename }' }).next();
      assert.deepEqual(value, { data: { __typename: 'Query' } });
    });

    test('a server that stops closes with a code on which clients connect again', async () => {
      const other = await serve();
      const codes = [];
      const client = createClient({
        url: other.socket,
        webSocketImpl: WebSocket,
        lazy: false,
        retryAttempts: 1,
        retryWait: async () => {},
        onNonLazyError: () => {},
        on: { closed: ({ code }) => codes.push(code) },
      });
      const connected = new Promise((resolve) => client.on('connected', resolve));
      const again = new Promise((resolve) => client.on('connecting', (isRetry) => isRetry && resolve()));
      await within('a connection', connected);
      await other.stop();
      await within('another attempt', again);
      assert.equal(codes[0], 1001);
    });
  });

  test('subscriptions-transport-ws: operations, a subscription and its end', async () => {
    const token = await server.registers('dora');
    const client = new SubscriptionClient(server.socket, { connectionParams: { authToken: token } }, WebSocket);
    const first = (request) => {
      return new Promise((next, error) => client.request(request).subscribe({ next, error }));
    };
    assert.deepEqual(await within('an answer', first({ query: VIEWER })), { data: { viewer: { username: 'dora' } } });
    await assert.rejects(within('an error', first({ query: '{ viewr }' })));

    const { sink, titles, until } = collector();
    const variables = { after: await cursor(token) };
    const subscription = client.request({ query: EVENTS, variables }).subscribe(sink);
    for (const title of ['one', 'two']) await server.createsTask(token, { title });
    await until(2);
    assert.deepEqual(titles(), ['one', 'two']);
    subscription.unsubscribe();
    client.close();
  });
});
