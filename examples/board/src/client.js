import { ApolloLink } from '@apollo/client';
import { ServerError } from '@apollo/client/errors';
import { SetContextLink } from '@apollo/client/link/context';
import { RetryLink } from '@apollo/client/link/retry';
import { OperationTypeNode } from 'graphql';

import { apolloClient } from '../../../tests/clients/examples/apollo.ts';
import { shouldRetry } from '../../../tests/clients/examples/resuming.ts';

/** Sends a request again that a network or a server did not answer. By its key the server runs it once. */
const repeat = ApolloLink.from([
  new SetContextLink(({ headers }) => ({ headers: { ...headers, 'Idempotency-Key': crypto.randomUUID() } })),
  new RetryLink({
    delay: { initial: 300, max: 5_000, jitter: true },
    attempts: {
      max: Infinity,
      retryIf: (error) => shouldRetry(error) && !(ServerError.is(error) && error.statusCode < 500),
    },
  }),
]);

/** The client of a signed-in user. `onLive` receives whether events arrive. */
export function createClient(session, onLive) {
  const client = apolloClient(new URL('/graphql', location.href).href, session, {
    on: { connected: () => onLive(true), closed: () => onLive(false) },
  });
  // Subscriptions resume by themselves.
  const resumes = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
  client.setLink(ApolloLink.split(resumes, client.link, repeat.concat(client.link)));
  return client;
}
