import { ApolloLink, Observable } from '@apollo/client';
import { PROTOCOL_ERRORS_SYMBOL, graphQLResultHasProtocolErrors } from '@apollo/client/errors';
import { OperationTypeNode } from 'graphql';

import { resume, type ResumeOptions } from './resuming.ts';

/** Resumes the subscriptions of the link behind it, such as an `HttpLink`, which streams them over HTTP. */
export function resumeLink(options: ResumeOptions): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (operation.operationType !== OperationTypeNode.SUBSCRIPTION) return forward(operation);
    return new Observable<ApolloLink.Result>((observer) =>
      resume<ApolloLink.Result>(
        (variables, sink) => {
          operation.variables = variables;
          const attempt = forward(operation).subscribe({
            next: (result) => {
              if (!graphQLResultHasProtocolErrors(result)) sink.next(result);
              else sink.error(result.extensions[PROTOCOL_ERRORS_SYMBOL]);
            },
            error: (error) => sink.error(error),
            complete: () => sink.complete(),
          });
          return () => attempt.unsubscribe();
        },
        operation.variables,
        observer,
        options,
      ),
    );
  });
}
