import { createClient, type Client, type ClientOptions } from 'graphql-ws';

import { SignedOut, type Session } from './session.ts';

export type Variables = Record<string, unknown>;

/** What a subscription delivers. */
export interface Result {
  data?: unknown;
  errors?: readonly unknown[] | undefined;
}

/** Receives what a subscription delivers. */
export interface Sink<R> {
  next(result: R): void;
  error(error: unknown): void;
  complete(): void;
}

/** Starts a subscription by any library, and returns a function that stops it. */
export type Start<R> = (variables: Variables, sink: Sink<R>) => () => void;

export interface ResumeOptions {
  session: Pick<Session, 'accessToken' | 'renew'>;
  /** Reads `eventCursor`, then loads again what the page shows, and returns that cursor. Called for a subscription
   * without `after`, and after `RESYNC_REQUIRED`. */
  load: () => Promise<string>;
  /** The longest pause between two attempts, in milliseconds; 10 seconds by default. */
  longestPause?: number;
}

/** Codes of GraphQL errors and of closed WebSockets that the same request would get again. */
const FINAL: unknown[] = [
  ...['BAD_USER_INPUT', 'FORBIDDEN', 'GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'NOT_FOUND'],
  ...[1002, 1007, 1009, 4400, 4401, 4406, 4409, 4429],
];

/** The codes in whatever a library calls an error: a list of GraphQL errors, a close event, or an object around one. */
function codes(error: any): unknown[] {
  const errors = error?.errors ?? error?.graphQLErrors ?? [error].flat();
  return errors.map((each: any) => each?.extensions?.code ?? each?.code);
}

/** Whether another attempt can succeed. Networks, servers, tokens and limits recover; a wrong request does not. */
export function shouldRetry(error: unknown): boolean {
  return !(error instanceof SignedOut) && !codes(error).some((code) => FINAL.includes(code));
}

/** A pause that doubles with each attempt. A random part of it spreads the clients of a server that returns. */
function backOff(attempt: number, longest: number): number {
  return Math.min(longest, 500 * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Runs a subscription over as many connections as it takes, each after the last event of the one before. Its field
 * has `after: $after` and selects `cursor`. Returns a function that stops it. */
export function resume<R extends Result>(
  start: Start<R>,
  variables: Variables,
  sink: Sink<R>,
  { session, load, longestPause = 10_000 }: ResumeOptions,
): () => void {
  let after = variables.after as string | null | undefined;
  let attempt = 0;
  let stopped = false;
  let interrupt = () => {};

  const once = () =>
    new Promise<void>((resolve, reject) => {
      let failed = false;
      // A library that connects again by itself sends this very object again.
      const current = { ...variables, after };
      const stop = start(current, {
        next(result) {
          if (stopped || failed) return;
          const [event] = Object.values(result.data ?? {});
          if (!event) {
            // This event was not delivered. The next attempt begins with it.
            failed = true;
            return reject(result);
          }
          current.after = after = event.cursor ?? after;
          attempt = 0;
          sink.next(result);
        },
        error: reject,
        complete: resolve,
      });
      interrupt = () => {
        stop();
        resolve();
      };
    }).finally(() => interrupt());

  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, backOff(attempt, longestPause));
      interrupt = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const run = async () => {
    let used = session.accessToken;
    let refused: string | undefined;
    for (; !stopped; attempt += 1) {
      const began = Date.now();
      try {
        if (refused !== undefined) await session.renew(refused);
        refused = undefined;
        used = session.accessToken;
        after ??= await load();
        if (!stopped) await once();
      } catch (error) {
        const found = codes(error);
        if (found.includes('RESYNC_REQUIRED')) after = undefined;
        if (found.includes('UNAUTHENTICATED') || found.includes(4403)) refused = used;
        if (!stopped && !shouldRetry(error)) return sink.error(error);
      }
      if (Date.now() - began > longestPause) attempt = 0;
      if (!stopped) await pause();
    }
    sink.complete();
  };
  void run();
  return () => {
    stopped = true;
    interrupt();
  };
}

/** A client of graphql-ws whose `subscribe` resumes subscriptions. Queries and mutations run once. */
export function connect(url: string, options: ResumeOptions, settings: Partial<ClientOptions> = {}): Client {
  const { keepAlive = 10_000 } = settings;
  const client = createClient({
    url,
    connectionParams: () => ({ Authorization: `Bearer ${options.session.accessToken}` }),
    ...settings,
    keepAlive,
    // `resume` decides what is retried, and when.
    retryAttempts: 0,
  });
  // A network that fails closes nothing: a ping without a pong shows it.
  let overdue: ReturnType<typeof setTimeout>;
  client.on('ping', (received) => {
    if (!received) overdue = setTimeout(() => client.terminate(), keepAlive / 2);
  });
  client.on('pong', () => clearTimeout(overdue));
  client.on('closed', () => clearTimeout(overdue));
  const running = new Set<() => void>();
  return {
    ...client,
    subscribe(payload, sink) {
      if (!/^\s*subscription\b/m.test(payload.query)) return client.subscribe(payload, sink);
      const start: Start<any> = (variables, sink) => client.subscribe({ ...payload, variables }, sink);
      const stop = resume(start, payload.variables ?? {}, sink, options);
      running.add(stop);
      return () => {
        running.delete(stop);
        stop();
      };
    },
    async dispose() {
      for (const stop of running) stop();
      await client.dispose();
    },
  };
}
