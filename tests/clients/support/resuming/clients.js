// The examples' resuming clients, each as the same function. Runs in Node.js and in a browser.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql as apolloGql } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';

import { apolloClient, authLink } from '../../examples/apollo.ts';
import { resumeExchange } from '../../examples/resume-exchange.ts';
import { resumeLink } from '../../examples/resume-link.ts';
import { connect } from '../../examples/resuming.ts';
import { Session, SignedOut, refresh } from '../../examples/session.ts';
import { refreshExchange, urqlClient } from '../../examples/urql.ts';

export const EVENTS = `
  subscription Events($after: String) {
    taskEvents(after: $after) {
      cursor
      type
      taskId
      task { id title version }
    }
  }
`;

/** A subscription by each library: options, variables, what takes each event, and what takes the error at the end.
 * Each returns a function that stops it. */
const libraries = {
  'graphql-ws'({ url, settings, ...options }, variables, take, fail) {
    const client = connect(url.replace('http', 'ws'), options, settings);
    return client.subscribe(
      { query: EVENTS, variables },
      { next: ({ data }) => take(data.taskEvents), error: fail, complete: () => {} },
    );
  },
  'Apollo Client over a WebSocket'({ url, session, loaded, settings }, variables, take, fail) {
    const client = apolloClient(url, session, settings);
    client.onResetStore(async () => loaded());
    return byApollo(client, variables, take, fail);
  },
  'Apollo Client over HTTP'({ url, settings: _, ...options }, variables, take, fail) {
    const link = ApolloLink.from([resumeLink(options), authLink(options.session), new HttpLink({ uri: url })]);
    return byApollo(new ApolloClient({ link, cache: new InMemoryCache() }), variables, take, fail);
  },
  'urql over a WebSocket'({ url, session, load, settings }, variables, take, fail) {
    return byUrql(urqlClient(url, session, load, settings), variables, take, fail);
  },
  'urql over HTTP'({ url, settings: _, ...options }, variables, take, fail) {
    const client = new Client({
      url,
      preferGetMethod: false,
      fetchSubscriptions: true,
      fetchOptions: () => ({ headers: { Authorization: `Bearer ${options.session.accessToken}` } }),
      exchanges: [refreshExchange(options.session), resumeExchange(options), fetchExchange],
    });
    return byUrql(client, variables, take, fail);
  },
};

function byApollo(client, variables, take, fail) {
  const events = client.subscribe({ query: apolloGql(EVENTS), variables, fetchPolicy: 'no-cache' });
  const subscription = events.subscribe({
    next: ({ data, error }) => (error ? fail(error) : take(data.taskEvents)),
    error: fail,
  });
  return () => subscription.unsubscribe();
}

function byUrql(client, variables, take, fail) {
  const events = client.subscription(EVENTS, variables);
  const subscription = events.subscribe(({ data, error }) => (error ? fail(error) : take(data.taskEvents)));
  return () => subscription.unsubscribe();
}

export const names = Object.keys(libraries);

/** Subscribes with a library, and returns what can be seen of it at any time. Its first refreshes are refused. */
export function start(name, { url, tokens, refusals, after, settings }) {
  const seen = { events: [], refusals: 0, renewals: 0, loads: 0, error: undefined };
  const store = { read: () => tokens, write: (next) => (tokens = next) };
  const session = new Session(store, async (refreshToken) => {
    if (seen.refusals < refusals) {
      seen.refusals += 1;
      throw new Error('the refresh was refused');
    }
    const next = await refresh(url, refreshToken);
    seen.renewals += 1;
    return next;
  });
  const loaded = () => (seen.loads += 1);
  const load = async () => {
    loaded();
    const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${session.accessToken}` };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query: '{ eventCursor }' }) });
    return (await response.json()).data.eventCursor;
  };
  const stop = libraries[name](
    { url, session, load, loaded, settings },
    { after },
    ({ cursor, task }) => seen.events.push({ cursor, title: task.title }),
    (error) => {
      seen.error = error instanceof SignedOut ? 'signed out' : `${error?.stack ?? JSON.stringify(error)}`;
    },
  );
  return { seen, stop };
}
