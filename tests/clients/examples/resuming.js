import { createClient } from 'graphql-ws';

/**
 * A client of graphql-ws that goes on behind the last event it got whenever it connects again. Subscriptions
 * take part whose field has `after: $after` and selects `cursor`.
 */
export function resumingClient({ subscribe, ...client }) {
  return {
    ...client,
    subscribe(payload, sink) {
      // graphql-ws sends this very object again when it connects again.
      const variables = { ...payload.variables };
      return subscribe(
        { ...payload, variables },
        {
          next(result) {
            const [event] = Object.values(result.data ?? {});
            if (event?.cursor) variables.after = event.cursor;
            sink.next(result);
          },
          error: (error) => sink.error(error),
          complete: () => sink.complete(),
        },
      );
    },
  };
}

/** A client that asks for a token whenever it connects, so that it has a fresh one when the last has expired. */
export function connect(url, token, options = {}) {
  return resumingClient(
    createClient({
      url,
      connectionParams: async () => ({ Authorization: `Bearer ${await token()}` }),
      // Connections may break as often as they like.
      retryAttempts: Infinity,
      ...options,
    }),
  );
}
