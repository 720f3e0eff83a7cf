// Apollo Client's cache without any type policy.

import { test } from 'node:test';

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';

import * as operations from './support/cache/board.js';
import { neverShowsAnOlderVersion } from './support/cache/scenario.js';
import { socketOf } from './support/cache/socket.js';
import { bearer } from './support/server.js';

function connect({ server, token, changed, failed }) {
  const socket = socketOf(server, token);
  const client = new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      new HttpLink({ uri: server.endpoint, headers: bearer(token) }),
    ),
    cache: new InMemoryCache(),
  });
  return {
    async query(name, variables) {
      const query = client.watchQuery({ query: gql(operations[name]), variables });
      query.subscribe({ next: () => changed(name), error: failed });
      const run = async () => {
        const { error } = await query.refetch();
        if (error) throw error;
        changed(name);
      };
      await run();
      return run;
    },
    subscribe(name, variables, take) {
      const events = client.subscribe({ query: gql(operations[name]), variables }).subscribe({
        next: ({ data, error }) => {
          if (error) return failed(error);
          changed(name);
          return take(data.taskEvents);
        },
        error: failed,
      });
      return () => events.unsubscribe();
    },
    versions: () =>
      Object.values(client.cache.extract())
        .filter(({ __typename }) => __typename === 'Task')
        .map(({ id, version }) => [id, version]),
    breakConnection: () => socket.terminate(),
    async close() {
      client.stop();
      await socket.dispose();
    },
  };
}

test("Apollo Client's cache never shows an older version than before", () => neverShowsAnOlderVersion(connect));
