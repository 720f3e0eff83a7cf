// Live events.

import assert from 'node:assert/strict';

import WebSocket from 'ws';

import './typescript.js';
import { within } from './wait.js';

const { connect } = await import('../examples/resuming.ts');

/** The client of docs/LIVE.md, with a token that does not expire during a test. */
export function connectSocket(server, accessToken, settings = {}) {
  const session = { accessToken, renew: () => assert.fail('the token was refused') };
  const load = () => assert.fail('the cursor was not taken');
  return connect(server.socket, { session, load }, { webSocketImpl: WebSocket, ...settings });
}

/** Every event that a user may see, after a cursor. */
export const EVENTS = `
  subscription Events($after: String) {
    taskEvents(after: $after) {
      cursor
      type
      task {
        id
        title
      }
    }
  }
`;

/** Collects the events of a subscription; `until` waits for a number of them. */
export function collector() {
  const events = [];
  let look = () => {};
  let fail = () => {};
  return {
    events,
    sink: {
      next: ({ data, error, errors }) => {
        if (errors ?? error) fail(new Error(JSON.stringify(errors ?? error)));
        else events.push(data.taskEvents);
        look();
      },
      error: (error) => fail(error instanceof Error ? error : new Error(JSON.stringify(error))),
      complete: () => fail(new Error('the subscription was completed')),
    },
    titles: () => events.map(({ task }) => task.title),
    until: (count) => {
      const enough = new Promise((resolve, reject) => {
        fail = reject;
        look = () => {
          if (events.length >= count) resolve();
        };
        look();
      });
      return within(`${count} events`, enough);
    },
  };
}
