// urql's normalising cache without keys, resolvers or updates.

import { test } from 'node:test';

import { Client, fetchExchange, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';

import * as operations from './support/cache/board.js';
import { neverShowsAnOlderVersion } from './support/cache/scenario.js';
import { socketOf } from './support/cache/socket.js';
import { bearer } from './support/server.js';

function connect({ server, token, changed, failed }) {
  const socket = socketOf(server, token);
  const client = new Client({
    url: server.endpoint,
    fetchOptions: { headers: bearer(token) },
    preferGetMethod: false,
    exchanges: [
      // It reports each type without an id; what has none is kept as a part of its parent.
      cacheExchange({ logger: () => {} }),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
        }),
      }),
    ],
  });
  const open = [];
  /** The list as the cache last showed it. */
  let tasks = [];
  return {
    async query(name, variables) {
      const run = async () => {
        const { error } = await client.query(operations[name], variables, { requestPolicy: 'network-only' }).toPromise();
        if (error) throw error;
        changed(name);
      };
      await run();
      const show = ({ data }) => {
        if (data.tasks) tasks = data.tasks.nodes;
        changed(name);
      };
      open.push(client.query(operations[name], variables).subscribe(show));
      return run;
    },
    subscribe(name, variables, take) {
      const events = client.subscription(operations[name], variables).subscribe(({ data, error }) => {
        if (error) return failed(error);
        changed(name);
        return take(data.taskEvents);
      });
      return () => events.unsubscribe();
    },
    versions: () => tasks.map(({ id, version }) => [id, version]),
    breakConnection: () => socket.terminate(),
    async close() {
      for (const query of open) query.unsubscribe();
      await socket.dispose();
    },
  };
}

test("urql's cache never shows an older version than before", () => neverShowsAnOlderVersion(connect));
