// The connection of a client under test: graphql-ws as its documentation shows it.

import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

import { bearer } from '../server.js';

/** A client of graphql-ws that connects again at once when its connection breaks. */
export function socketOf(server, token) {
  return createClient({
    url: server.socket,
    webSocketImpl: WebSocket,
    connectionParams: bearer(token),
    retryWait: async () => {},
  });
}
