// Waits with a bound: a slow machine is no failure, and what hangs is.

import { setTimeout as pause } from 'node:timers/promises';

/** The longest wait for anything, in milliseconds. Only what hangs takes as long. */
export const PATIENCE = 30_000;

/** The outcome of a promise, unless it takes too long. */
export async function within(what, promise) {
  const alarm = new AbortController();
  const bound = pause(PATIENCE, undefined, { signal: alarm.signal }).then(() => {
    throw new Error(`gave up waiting for ${what}`);
  });
  bound.catch(() => {}); // Called off below.
  try {
    return await Promise.race([promise, bound]);
  } finally {
    alarm.abort();
  }
}
