import { Client, fetchExchange, gql, subscriptionExchange, type Exchange } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { cacheExchange, type Cache, type CacheExchangeOpts } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';
import type { ClientOptions } from 'graphql-ws';

import { connect } from './resuming.ts';
import type { Session } from './session.ts';

/** Drops these fields of `Query`, whatever their arguments. What the page shows of them is loaded again. */
function invalidate(cache: Cache, ...fields: string[]): void {
  for (const { fieldName, fieldKey } of cache.inspectFields('Query')) {
    if (fields.includes(fieldName)) cache.invalidate('Query', fieldKey);
  }
}

/** After a change that may add a task to a list or remove one from it. A task that is in a list updates itself. */
const tasksChanged = (_result: unknown, _args: unknown, cache: Cache) => {
  invalidate(cache, 'tasks', 'tags', 'taskStatistics');
};

const embedded = () => null;

export const graphcache: CacheExchangeOpts = {
  keys: {
    // These have no `id`. An event is known by its place in the log, a tag by its name.
    TaskEvent: ({ cursor }) => (cursor as string | undefined) ?? null,
    NotificationEvent: ({ cursor }) => (cursor as string | undefined) ?? null,
    Tag: ({ name }) => (name as string | undefined) ?? null,
    // The others belong to the object that holds them.
    PriorityCount: embedded,
    RateLimit: embedded,
    StatusCount: embedded,
    TagCount: embedded,
    TaskBulkCreateResult: embedded,
    TaskBulkResult: embedded,
    TaskEventChange: embedded,
    TaskSnapshot: embedded,
    TaskSnapshotUser: embedded,
    TaskStatistics: embedded,
    UserError: embedded,
  },
  resolvers: {
    Query: { tasks: relayPagination(), users: relayPagination(), tags: relayPagination(), notifications: relayPagination() },
    User: { ownedTasks: relayPagination(), assignedTasks: relayPagination() },
    Task: { history: relayPagination() },
  },
  updates: {
    Mutation: {
      taskCreate: tasksChanged,
      taskDelete: tasksChanged,
      taskRestore: tasksChanged,
      taskPurge: tasksChanged,
      tasksBulkDelete: tasksChanged,
      notificationsMarkRead: (_result, _args, cache) => invalidate(cache, 'notifications'),
    },
    Subscription: {
      taskEvents: tasksChanged,
      notificationReceived: (_result, _args, cache) => invalidate(cache, 'notifications'),
    },
  },
};

/** Sends a request once more with a new access token if the server refuses the one that it had. */
export const refreshExchange = (session: Session): Exchange =>
  authExchange(async () => {
    let used = session.accessToken;
    return {
      // `fetchOptions` of the client has the token.
      addAuthToOperation: (operation) => {
        used = session.accessToken;
        return operation;
      },
      didAuthError: ({ graphQLErrors }) => graphQLErrors.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED'),
      refreshAuth: () => session.renew(used),
    };
  });

const EVENT_CURSOR = gql<{ eventCursor: string }>`
  query EventCursor {
    eventCursor
  }
`;

/** Returns the cursor to subscribe after. Replace the client or load its queries again after `RESYNC_REQUIRED`. */
export async function eventCursor(client: Client): Promise<string> {
  const { data, error } = await client.query(EVENT_CURSOR, {}, { requestPolicy: 'network-only' }).toPromise();
  if (!data) throw error;
  return data.eventCursor;
}

/** Queries, mutations and files over HTTP, subscriptions over a WebSocket. */
export function urqlClient(url: string, session: Session, reload: () => Promise<unknown>, settings: Partial<ClientOptions> = {}): Client {
  const load = async () => {
    const cursor = await eventCursor(client);
    await reload();
    return cursor;
  };
  const socket = connect(url.replace(/^http/, 'ws'), { session, load }, settings);
  const client: Client = new Client({
    url,
    preferGetMethod: false,
    // The server takes forms only with the second header, which pages of other sites cannot send.
    fetchOptions: () => ({ headers: { Authorization: `Bearer ${session.accessToken}`, 'GraphQL-Preflight': '1' } }),
    exchanges: [
      cacheExchange(graphcache),
      refreshExchange(session),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query, variables }) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query: query!, variables }, sink as never) }),
        }),
      }),
    ],
  });
  return client;
}
