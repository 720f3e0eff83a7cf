import { makeErrorResult, makeOperation, type Exchange, type Operation, type OperationResult } from '@urql/core';
import { filter, make, makeSubject, merge, mergeMap, pipe, share, subscribe, takeUntil } from 'wonka';

import { resume, type ResumeOptions, type Start } from './resuming.ts';

/** Resumes the subscriptions of the exchanges after it, such as `fetchExchange` with `fetchSubscriptions`, which
 * streams them over HTTP. */
export const resumeExchange =
  (options: ResumeOptions): Exchange =>
  ({ forward }) =>
  (operations$) => {
    const shared$ = pipe(operations$, share);
    const others$ = pipe(shared$, filter(({ kind }) => kind !== 'subscription'));
    const attempts = makeSubject<Operation>();
    const forwarded$ = pipe(merge([others$, attempts.source]), forward, share);

    /** Runs a subscription over one connection. */
    const startOf =
      (operation: Operation): Start<OperationResult> =>
      (variables, sink) => {
        const attempt = makeOperation('subscription', { ...operation, variables }, operation.context);
        let last: unknown;
        const { unsubscribe } = pipe(
          forwarded$,
          filter((result) => result.operation.key === operation.key),
          subscribe((result) => {
            // At its end, urql repeats the last event.
            if (result.data && result.data !== last) sink.next(result);
            else if (result.error) sink.error(result.error);
            last = result.data;
            if (!result.hasNext) sink.complete();
          }),
        );
        attempts.next(attempt);
        return () => {
          unsubscribe();
          attempts.next(makeOperation('teardown', attempt));
        };
      };

    const resumed$ = pipe(
      shared$,
      filter(({ kind }) => kind === 'subscription'),
      mergeMap((operation) => {
        const results$ = make<OperationResult>(({ next, complete }) => {
          const sink = {
            next: (result: OperationResult) => next({ ...result, operation, hasNext: true }),
            error(error: unknown) {
              next(makeErrorResult(operation, error as Error));
              complete();
            },
            complete,
          };
          return resume(startOf(operation), operation.variables ?? {}, sink, options);
        });
        const stop$ = pipe(shared$, filter(({ kind, key }) => kind === 'teardown' && key === operation.key));
        return pipe(results$, takeUntil(stop$));
      }),
    );
    return merge([resumed$, pipe(forwarded$, filter(({ operation }) => operation.kind !== 'subscription'))]);
  };
