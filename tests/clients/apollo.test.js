// Apollo Client, as a front end uses it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';

import { EVENTS, collector, connectSocket } from './support/live.js';
import { recorder } from './support/recorder.js';
import { bearer, serve } from './support/server.js';
import { watch } from './support/watch.js';

const VIEWER = gql`
  query Viewer {
    viewer {
      id
      username
    }
  }
`;

const TASKS = gql`
  query Tasks($first: Int!, $after: String) {
    tasks(first: $first, after: $after, orderBy: [{ field: TITLE }]) {
      totalCount
      edges {
        cursor
        node {
          id
          title
          status
          version
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
`;

const TRANSITION = gql`
  mutation Transition($id: ID!, $status: TaskStatus!, $expectedVersion: Int) {
    taskTransition(id: $id, status: $status, expectedVersion: $expectedVersion) {
      task {
        id
        status
        version
      }
      userErrors {
        code
      }
    }
  }
`;

const UPLOAD = gql`
  mutation Upload($input: AttachmentUploadInput!) {
    attachmentUpload(input: $input) {
      attachment {
        id
        filename
        size
        task {
          id
          attachments {
            id
          }
        }
      }
      userErrors {
        code
        field
      }
    }
  }
`;

const FILES = gql`
  query Files($id: ID!) {
    task(id: $id) {
      id
      attachments {
        id
        filename
        contentType
        size
        sha256
      }
    }
  }
`;

describe('Apollo Client', () => {
  let server;

  before(async () => {
    server = await serve();
  });
  after(() => server.stop());

  /** A new client, with the requests that it sends. */
  function connect(token, settle = (link) => link) {
    const { fetch, requests } = recorder();
    const http = new HttpLink({ uri: server.endpoint, headers: bearer(token), fetch });
    const cache = new InMemoryCache({
      typePolicies: { Query: { fields: { tasks: relayStylePagination(['filter', 'orderBy']) } } },
    });
    return { client: new ApolloClient({ link: settle(http), cache }), requests };
  }

  test('a query is answered, and the second time from the cache', async () => {
    const { client, requests } = connect(await server.registers('ada'));
    for (let times = 0; times < 2; times += 1) {
      const { data, error } = await client.query({ query: VIEWER });
      assert.equal(error, undefined);
      assert.equal(data.viewer.username, 'ada');
    }
    assert.equal(requests.length, 1);
  });

  test('pages grow into one list', async () => {
    const token = await server.registers('bob');
    for (const title of ['c', 'a', 'e', 'b', 'd']) await server.createsTask(token, { title });
    const { client } = connect(token);
    const tasks = client.watchQuery({ query: TASKS, variables: { first: 2 } });
    const list = watch(tasks);
    const titles = ({ data }) => data?.tasks.edges.map(({ node }) => node.title).join('');

    await list.until((result) => titles(result) === 'ab');
    for (const expected of ['abcd', 'abcde']) {
      const { pageInfo } = tasks.getCurrentResult().data.tasks;
      assert.equal(pageInfo.hasNextPage, true);
      await tasks.fetchMore({ variables: { after: pageInfo.endCursor } });
      await list.until((result) => titles(result) === expected);
    }
    const { pageInfo, totalCount } = tasks.getCurrentResult().data.tasks;
    assert.deepEqual([pageInfo.hasNextPage, totalCount], [false, 5]);
    list.stop();
  });

  test('what a mutation answers updates the list that shows the task', async () => {
    const token = await server.registers('cleo');
    const id = await server.createsTask(token, { title: 'Write the notes' });
    const { client, requests } = connect(token);
    const list = watch(client.watchQuery({ query: TASKS, variables: { first: 10 } }));
    const shows = (status, version) => (result) => {
      const node = result.data?.tasks.edges[0].node;
      return node?.status === status && node.version === version;
    };
    await list.until(shows('TODO', 1));

    const { data } = await client.mutate({ mutation: TRANSITION, variables: { id, status: 'DONE' } });
    assert.deepEqual(data.taskTransition.userErrors, []);
    await list.until(shows('DONE', 2));

    // Another user is faster: the conflict contains the current task.
    await server.graphql(token, 'mutation($id: ID!) { taskTransition(id: $id, status: TODO) { task { id } } }', { id });
    const stale = { id, status: 'TODO', expectedVersion: 2 };
    const conflict = await client.mutate({ mutation: TRANSITION, variables: stale });
    assert.deepEqual(conflict.data.taskTransition.userErrors, [{ __typename: 'UserError', code: 'CONFLICT' }]);
    await list.until(shows('TODO', 3));

    assert.deepEqual(requests.map(({ body }) => body.operationName), ['Tasks', 'Transition', 'Transition']);
    list.stop();
  });

  test('errors are thrown, kept beside the data or dropped, by the error policy', async () => {
    const { client } = connect(await server.registers('dora'));
    // The second field fails and is null; the first has its value.
    const query = gql`
      query Partly {
        viewer {
          id
          username
        }
        user(id: "no such id") {
          id
        }
      }
    `;
    const ask = (errorPolicy) => client.query({ query, errorPolicy, fetchPolicy: 'no-cache' });
    const isBadInput = (error) => {
      assert.ok(CombinedGraphQLErrors.is(error), `${error}`);
      assert.deepEqual(
        error.errors.map(({ path, extensions }) => ({ path, code: extensions.code })),
        [{ path: ['user'], code: 'BAD_USER_INPUT' }],
      );
      return true;
    };

    await assert.rejects(ask('none'), isBadInput);
    const all = await ask('all');
    isBadInput(all.error);
    const ignored = await ask('ignore');
    assert.equal(ignored.error, undefined);
    for (const { data } of [all, ignored]) {
      assert.deepEqual([data.viewer.username, data.user], ['dora', null]);
    }
  });

  test('a refusal before anything ran has its code too', async () => {
    const codes = async (token, query) => {
      const failure = await connect(token)
        .client.query({ query })
        .then(
          () => assert.fail('it was answered'),
          (error) => error,
        );
      assert.ok(CombinedGraphQLErrors.is(failure), `${failure}`);
      return failure.errors.map(({ extensions }) => extensions.code);
    };
    assert.deepEqual(await codes('', VIEWER), ['UNAUTHENTICATED']);
    assert.deepEqual(await codes('', gql`{ viewr { id } }`), ['GRAPHQL_VALIDATION_FAILED']);
  });

  describe('with files', () => {
    /** A client that sends files, with the requests that it sends. */
    function connectForFiles(token, headers = { 'Apollo-Require-Preflight': 'true' }) {
      const { fetch, requests } = recorder();
      const link = new UploadHttpLink({ uri: server.endpoint, headers: { ...bearer(token), ...headers }, fetch });
      return { client: new ApolloClient({ link, cache: new InMemoryCache() }), requests };
    }

    test('a file is attached to a task', async () => {
      const token = await server.registers('hal');
      const taskId = await server.createsTask(token, { title: 'Write the notes' });
      const { client } = connectForFiles(token);
      const content = 'Grüße von hal\n';
      const file = new File([content], 'notes – final.txt', { type: 'text/plain' });
      const { data } = await client.mutate({ mutation: UPLOAD, variables: { input: { taskId, file } } });
      const { attachment, userErrors } = data.attachmentUpload;
      assert.deepEqual(userErrors, []);
      assert.deepEqual(attachment.task.attachments.map(({ id }) => id), [attachment.id]);

      const found = await client.query({ query: FILES, variables: { id: taskId }, fetchPolicy: 'network-only' });
      assert.deepEqual(found.data.task.attachments, [
        {
          __typename: 'Attachment',
          id: attachment.id,
          filename: 'notes – final.txt',
          contentType: 'text/plain',
          size: Buffer.byteLength(content),
          sha256: createHash('sha256').update(content).digest('hex'),
        },
      ]);
    });

    test('a refused file is a user error in the payload, and one that is too large is an error', async () => {
      const token = await server.registers('ida');
      const { client } = connectForFiles(token);
      const upload = (file) => client.mutate({ mutation: UPLOAD, variables: { input: { file } } });
      const { data } = await upload(new File(['MZ'], 'a.exe'));
      assert.deepEqual(data.attachmentUpload.userErrors, [
        { __typename: 'UserError', code: 'INVALID', field: ['input', 'file'] },
      ]);
      const large = new File([new Uint8Array(6 * 1024 * 1024).fill(120)], 'a.txt');
      await assert.rejects(upload(large), (error) => /larger than the 5242880 bytes/.test(JSON.stringify(error)));
    });

    test('without the header that forces a preflight, an upload is refused', async () => {
      const { client } = connectForFiles(await server.registers('jon'), {});
      const upload = client.mutate({ mutation: UPLOAD, variables: { input: { file: new File(['text'], 'a.txt') } } });
      await assert.rejects(upload, (error) => error.statusCode === 415 || /Preflight/.test(JSON.stringify(error)));
    });
  });

  describe('with persisted queries', () => {
    const sha256 = (text) => createHash('sha256').update(text).digest('hex');

    /** The method of each request, with what it contains: the text, the hash or both. */
    const carried = (requests) =>
      requests.map(({ method, url, body }) => {
        const extensions = body?.extensions ?? JSON.parse(url.searchParams.get('extensions') ?? '{}');
        const text = body?.query ?? url.searchParams.get('query');
        return [method, ...(text ? ['text'] : []), ...(extensions.persistedQuery ? ['hash'] : [])].join(' ');
      });

    const persisted = (options) => (http) => createPersistedQueryLink({ sha256, ...options }).concat(http);

    test('a query is sent once; then its hash is enough for all clients', async () => {
      const token = await server.registers('emil');
      // No other test sends this document, so the server does not know it.
      const query = gql`
        query OnlyHere {
          viewer {
            username
          }
        }
      `;
      const first = connect(token, persisted());
      assert.equal((await first.client.query({ query })).data.viewer.username, 'emil');
      assert.deepEqual(carried(first.requests), ['POST hash', 'POST text hash']);

      await first.client.query({ query, fetchPolicy: 'network-only' });
      const second = connect(await server.registers('fay'), persisted());
      assert.equal((await second.client.query({ query })).data.viewer.username, 'fay');
      assert.deepEqual(carried(first.requests.slice(2)), ['POST hash']);
      assert.deepEqual(carried(second.requests), ['POST hash']);
    });

    test('a hash can be sent by GET, and a mutation goes by POST all the same', async () => {
      const token = await server.registers('gus');
      const query = gql`
        query Statistics {
          taskStatistics {
            total
          }
        }
      `;
      const { client, requests } = connect(token, persisted({ useGETForHashedQueries: true }));
      for (let times = 0; times < 2; times += 1) {
        const { data } = await client.query({ query, fetchPolicy: 'network-only' });
        assert.equal(data.taskStatistics.total, 0);
      }
      assert.deepEqual(carried(requests), ['GET hash', 'POST text hash', 'GET hash']);

      const id = await server.createsTask(token, { title: 'Write the notes' });
      const mutation = gql`
        mutation OnlyHereToo($id: ID!) {
          taskTransition(id: $id, status: DONE) {
            task {
              status
            }
          }
        }
      `;
      const { data } = await client.mutate({ mutation, variables: { id } });
      assert.equal(data.taskTransition.task.status, 'DONE');
      assert.deepEqual(carried(requests.slice(3)), ['POST hash', 'POST text hash']);
    });
  });

  test('a subscription goes on where it stopped when its connection breaks', async () => {
    const token = await server.registers('live');
    const socket = connectSocket(server, token);
    const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
    const { data } = await client.query({ query: gql`{ eventCursor }` });
    const { sink, titles, until } = collector();
    const events = client.subscribe({ query: gql(EVENTS), variables: { after: data.eventCursor } });
    const subscription = events.subscribe(sink);
    for (const title of ['one', 'two']) await server.createsTask(token, { title });
    await until(2);
    socket.terminate();
    await server.createsTask(token, { title: 'three' });
    await until(3);
    assert.deepEqual(titles(), ['one', 'two', 'three']);
    subscription.unsubscribe();
    client.stop();
    await socket.dispose();
  });
});
