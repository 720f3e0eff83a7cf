// Watches what a client shows over time.

import { within } from './wait.js';

/** Subscribes to an observable of results; `until` waits for one that passes, past ones included only if it is
 * the last. */
export function watch(observable) {
  let last;
  let look = () => {};
  const subscription = observable.subscribe((result) => {
    last = result;
    look();
  });
  return {
    until: (passes) => {
      const seen = new Promise((resolve) => {
        look = () => {
          if (last !== undefined && passes(last)) resolve(last);
        };
        look();
      });
      return within('a result', seen).catch((error) => {
        throw new Error(`${error.message}; the last one is ${JSON.stringify(last)}`);
      });
    },
    stop: () => subscription.unsubscribe(),
  };
}
