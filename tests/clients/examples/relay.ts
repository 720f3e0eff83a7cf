import type { ClientOptions } from 'graphql-ws';
import { Network, Observable, type FetchFunction, type GraphQLResponse, type SubscribeFunction, type UploadableMap } from 'relay-runtime';

import { connect, type ResumeOptions, type Variables } from './resuming.ts';

/** The body of a request: JSON, or a form with files. `uploadables` names each file by the path of its variable, such
 * as `input.file`; the variable itself is null. */
export function requestBody(query: string, variables: Variables, uploadables?: UploadableMap | null): BodyInit {
  const operations = JSON.stringify({ query, variables });
  if (!uploadables) return operations;
  const form = new FormData();
  const paths = Object.keys(uploadables);
  form.set('operations', operations);
  form.set('map', JSON.stringify(Object.fromEntries(paths.map((path, index) => [index, [`variables.${path}`]]))));
  paths.forEach((path, index) => form.set(`${index}`, uploadables[path]!));
  return form;
}

/** The network layer of a Relay environment: HTTP with files and refreshes, and subscriptions that resume. */
export function relayNetwork(url: string, options: ResumeOptions, settings: Partial<ClientOptions> = {}) {
  const { session } = options;
  const send = async (body: BodyInit, accessToken: string) => {
    const headers: Record<string, string> = {
      Authorization: `Bearer ${accessToken}`,
      // The browser itself names the type of a form. The server takes one only with a header that pages of other
      // sites cannot send.
      ...(body instanceof FormData ? { 'GraphQL-Preflight': '1' } : { 'Content-Type': 'application/json' }),
    };
    const response = await fetch(url, { method: 'POST', headers, body });
    return (await response.json()) as { errors?: { extensions?: { code?: string } }[] };
  };

  const fetchOnce: FetchFunction = async ({ text }, variables, _cache, uploadables) => {
    const body = requestBody(text!, variables, uploadables);
    const used = session.accessToken;
    const result = await send(body, used);
    if (result.errors?.[0]?.extensions?.code !== 'UNAUTHENTICATED') return result as GraphQLResponse;
    await session.renew(used);
    return (await send(body, session.accessToken)) as GraphQLResponse;
  };

  const socket = connect(url.replace(/^http/, 'ws'), options, settings);
  const subscribe: SubscribeFunction = ({ text }, variables) =>
    Observable.create((sink) => socket.subscribe({ query: text!, variables }, sink as never));

  return Network.create(fetchOnce, subscribe);
}
