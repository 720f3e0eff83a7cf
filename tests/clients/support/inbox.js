// Keeps what a subscription brings, until somebody asks for it.

import { within } from './wait.js';

/** A box that is filled by `put` and emptied by `take`, in order. */
export function inbox() {
  const items = [];
  let wake = () => {};
  return {
    put: (item) => {
      items.push(item);
      wake();
    },
    take: async () => {
      if (items.length === 0) await within('what comes next', new Promise((resolve) => (wake = resolve)));
      return items.shift();
    },
  };
}

/** A `fetch`, and a promise that its first answer has begun. */
export function opening() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return {
    opened: () => within('the answer', opened),
    fetch: async (...request) => {
      const answer = await fetch(...request);
      open(answer);
      return answer;
    },
  };
}
