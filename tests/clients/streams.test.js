// Subscriptions over HTTP, with the three libraries that front ends use for them.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ApolloClient, CombinedProtocolErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { createClient } from 'graphql-sse';

import { inbox, opening } from './support/inbox.js';
import { bearer, serve } from './support/server.js';

const EVENTS = /* GraphQL */ `
  subscription Events($after: String) {
    taskEvents(after: $after) {
      cursor
      type
      task {
        title
      }
    }
  }
`;

const COMPLETE = 'complete';

/** One interface for each library: `subscribe` returns an inbox of results, a promise that the response has begun, and `stop`. */
const libraries = {
  'graphql-sse': {
    contentType: 'text/event-stream; charset=utf-8',
    subscribe(server, token, variables) {
      const { fetch, opened } = opening();
      const box = inbox();
      const client = createClient({ url: server.endpoint, headers: bearer(token), fetchFn: fetch, retryAttempts: 0 });
      const stop = client.subscribe(
        { query: EVENTS, variables },
        { next: box.put, error: (error) => box.put({ failed: error }), complete: () => box.put(COMPLETE) },
      );
      return { take: box.take, opened, stop };
    },
    codes: ({ errors }) => errors.map(({ extensions }) => extensions.code),
  },
  'Apollo Client': {
    contentType: 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    subscribe(server, token, variables) {
      const { fetch, opened } = opening();
      const box = inbox();
      const link = new HttpLink({ uri: server.endpoint, headers: bearer(token), fetch });
      const client = new ApolloClient({ link, cache: new InMemoryCache() });
      const subscription = client
        .subscribe({ query: gql(EVENTS), variables })
        .subscribe({ next: box.put, error: (error) => box.put({ failed: error }), complete: () => box.put(COMPLETE) });
      return { take: box.take, opened, stop: () => subscription.unsubscribe() };
    },
    codes: ({ error }) => {
      assert.ok(CombinedProtocolErrors.is(error), `${error}`);
      return error.errors.map(({ extensions }) => extensions.code);
    },
  },
  urql: {
    contentType: 'text/event-stream; charset=utf-8',
    subscribe(server, token, variables) {
      const { fetch, opened } = opening();
      const box = inbox();
      const client = new Client({
        url: server.endpoint,
        fetch,
        fetchOptions: { headers: bearer(token) },
        fetchSubscriptions: true,
        exchanges: [fetchExchange],
        preferGetMethod: false,
      });
      const subscription = client.subscription(EVENTS, variables).subscribe(box.put);
      return { take: box.take, opened, stop: () => subscription.unsubscribe() };
    },
    codes: ({ error }) => error.graphQLErrors.map(({ extensions }) => extensions.code),
  },
};

describe('subscriptions over HTTP', () => {
  let server;
  let people = 0;

  before(async () => {
    server = await serve();
  });
  after(() => server.stop());

  const somebody = () => server.registers(`somebody${(people += 1)}`);

  for (const [name, library] of Object.entries(libraries)) {
    describe(name, () => {
      test('each event arrives without another one behind it', async () => {
        const token = await somebody();
        const { take, opened, stop } = library.subscribe(server, token, {});
        assert.equal((await opened()).headers.get('content-type'), library.contentType);
        for (const title of ['First', 'Second']) {
          await server.createsTask(token, { title });
          const { data } = await take();
          assert.deepEqual([data.taskEvents.type, data.taskEvents.task.title], ['CREATED', title]);
        }
        stop();
      });

      test('what was missed comes first after a reconnect, by the last cursor', async () => {
        const token = await somebody();
        const first = library.subscribe(server, token, {});
        await first.opened();
        await server.createsTask(token, { title: 'Seen' });
        const after = (await first.take()).data.taskEvents.cursor;
        first.stop();
        await server.createsTask(token, { title: 'Missed' });

        const second = library.subscribe(server, token, { after });
        await second.opened();
        await server.createsTask(token, { title: 'Live' });
        for (const title of ['Missed', 'Live']) {
          assert.equal((await second.take()).data.taskEvents.task.title, title);
        }
        second.stop();
      });

      test('the end of the session is an error', async () => {
        const token = await somebody();
        const { take, opened, stop } = library.subscribe(server, token, {});
        await opened();
        await server.graphql(token, 'mutation { logout { success } }');
        assert.deepEqual(library.codes(await take()), ['UNAUTHENTICATED']);
        stop();
      });
    });
  }

  test('graphql-sse runs queries and mutations, and receives their end', async () => {
    const client = createClient({ url: server.endpoint, headers: bearer(await somebody()), retryAttempts: 0 });
    const ask = async (query, variables) => {
      const box = inbox();
      const failed = (error) => box.put({ failed: error });
      client.subscribe({ query, variables }, { next: box.put, error: failed, complete: () => box.put(COMPLETE) });
      const result = await box.take();
      assert.equal(await box.take(), COMPLETE);
      return result;
    };
    const input = { title: 'By events' };
    const change = 'mutation ($input: TaskCreateInput!) { taskCreate(input: $input) { task { title } } }';
    assert.deepEqual((await ask(change, { input })).data.taskCreate.task, input);
    assert.deepEqual((await ask('{ tasks { nodes { title } } }')).data.tasks.nodes, [input]);
    // Errors of a document arrive like a result.
    const { errors } = await ask('{ colour }');
    assert.deepEqual(errors.map(({ extensions }) => extensions.code), ['GRAPHQL_VALIDATION_FAILED']);
  });
});
