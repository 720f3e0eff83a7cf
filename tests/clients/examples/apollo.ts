import { ApolloClient, ApolloLink, InMemoryCache, gql, type TypePolicies, type TypedDocumentNode } from '@apollo/client';
import { CombinedGraphQLErrors } from '@apollo/client/errors';
import { SetContextLink } from '@apollo/client/link/context';
import { ErrorLink } from '@apollo/client/link/error';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { OperationTypeNode } from 'graphql';
import type { ClientOptions } from 'graphql-ws';
import { from, mergeMap } from 'rxjs';

import { connect } from './resuming.ts';
import type { Session } from './session.ts';

const tasks = relayStylePagination(['filter', 'orderBy']);

export const typePolicies: TypePolicies = {
  Query: {
    fields: {
      tasks,
      users: relayStylePagination(),
      tags: relayStylePagination(),
      notifications: relayStylePagination(['unreadOnly']),
      taskHistory: relayStylePagination(['id']),
    },
  },
  User: { fields: { ownedTasks: tasks, assignedTasks: tasks } },
  Task: { fields: { history: relayStylePagination() } },
  // These have no `id`. An event is known by its place in the log, a tag by its name.
  TaskEvent: { keyFields: ['cursor'] },
  NotificationEvent: { keyFields: ['cursor'] },
  Tag: { keyFields: ['name'] },
};

const VERSION = gql`
  fragment Version on Task {
    version
  }
`;

/** A cache that never replaces a task with an older version, in whatever order the responses arrive. A `merge` among
 * the type policies cannot do this: when it runs, the fields of the task are already replaced. */
export class TaskCache extends InMemoryCache {
  constructor() {
    super({ typePolicies });
  }

  override write(options: Parameters<InMemoryCache['write']>[0]): ReturnType<InMemoryCache['write']> {
    return super.write({ ...options, result: this.#withoutOlder(options.result) });
  }

  /** A copy in which an older task has only its id, so that what the cache has of it stays. */
  #withoutOlder(value: any): any {
    if (Array.isArray(value)) return value.map((each) => this.#withoutOlder(each));
    if (typeof value !== 'object' || value === null) return value;
    const { __typename, id, version } = value;
    if (__typename === 'Task' && typeof version === 'number') {
      const known: any = this.readFragment({ from: { __typename, id }, fragment: VERSION });
      if (known?.version > version) return { __typename, id };
    }
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#withoutOlder(each)]));
  }
}

/** Sends the access token, and once more with a new one if the server refuses it. */
export function authLink(session: Session): ApolloLink {
  const authorize = new SetContextLink(({ headers }) => ({
    headers: { ...headers, Authorization: `Bearer ${session.accessToken}` },
  }));
  const renew = new ErrorLink(({ error, operation, forward }) => {
    const refused = CombinedGraphQLErrors.is(error) && error.errors[0]?.extensions?.code === 'UNAUTHENTICATED';
    if (!refused) return undefined;
    const { Authorization } = operation.getContext().headers as Record<string, string>;
    return from(session.renew(Authorization!.replace('Bearer ', ''))).pipe(mergeMap(() => forward(operation)));
  });
  return renew.concat(authorize);
}

const EVENT_CURSOR: TypedDocumentNode<{ eventCursor: string }> = gql`
  query EventCursor {
    eventCursor
  }
`;

/** Loads again what the page shows, and returns the cursor to subscribe after. */
export async function load(client: ApolloClient): Promise<string> {
  const { data } = await client.query({ query: EVENT_CURSOR, fetchPolicy: 'network-only' });
  await client.resetStore();
  return data!.eventCursor;
}

/** Queries, mutations and files over HTTP, subscriptions over a WebSocket. */
export function apolloClient(url: string, session: Session, settings: Partial<ClientOptions> = {}): ApolloClient {
  const socket = connect(url.replace(/^http/, 'ws'), { session, load: () => load(client) }, settings);
  const client: ApolloClient = new ApolloClient({
    cache: new TaskCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(socket),
      // The server takes forms only with this header, which pages of other sites cannot send.
      authLink(session).concat(new UploadHttpLink({ uri: url, headers: { 'Apollo-Require-Preflight': 'true' } })),
    ),
  });
  return client;
}
