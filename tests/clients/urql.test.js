// urql with its normalising cache, as a front end uses it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client, fetchExchange, gql, subscriptionExchange } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import { relayPagination } from '@urql/exchange-graphcache/extras';

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
        node {
          id
          title
          status
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
  mutation Transition($id: ID!, $status: TaskStatus!) {
    taskTransition(id: $id, status: $status) {
      task {
        id
        status
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
      }
    }
  }
`;

describe('urql', () => {
  let server;

  before(async () => {
    server = await serve();
  });
  after(() => server.stop());

  /** A new client, with the requests that it sends. */
  function connect(token, options = {}) {
    const { fetch, requests } = recorder();
    const complaints = [];
    const cache = cacheExchange({
      resolvers: { Query: { tasks: relayPagination() } },
      // An object without an id is a part of its parent.
      keys: { UserError: () => null },
      logger: (severity, message) => {
        if (severity !== 'debug') complaints.push(`${severity}: ${message}`);
      },
    });
    const client = new Client({
      url: server.endpoint,
      fetch,
      fetchOptions: { headers: bearer(token) },
      exchanges: [cache, fetchExchange],
      preferGetMethod: false,
      ...options,
    });
    return { client, requests, complaints };
  }

  const titles = ({ data }) => data?.tasks.edges.map(({ node }) => node.title).join('');

  test('a query is answered, and the second time from the cache', async () => {
    const { client, requests, complaints } = connect(await server.registers('ada'));
    for (let times = 0; times < 2; times += 1) {
      const { data, error } = await client.query(VIEWER, {}).toPromise();
      assert.equal(error, undefined);
      assert.equal(data.viewer.username, 'ada');
    }
    assert.equal(requests.length, 1);
    assert.deepEqual(complaints, []);
  });

  test('a query can go by GET', async () => {
    const { client, requests } = connect(await server.registers('bea'), { preferGetMethod: 'force' });
    const { data } = await client.query(VIEWER, {}).toPromise();
    assert.equal(data.viewer.username, 'bea');
    assert.equal(requests[0].method, 'GET');
  });

  test('pages grow into one list', async () => {
    const token = await server.registers('bob');
    for (const title of ['c', 'a', 'e', 'b', 'd']) await server.createsTask(token, { title });
    const { client, complaints } = connect(token);
    let after = null;
    for (const [expected, more] of [
      ['ab', true],
      ['abcd', true],
      ['abcde', false],
    ]) {
      const result = await client.query(TASKS, { first: 2, after }).toPromise();
      assert.equal(result.error, undefined);
      assert.equal(titles(result), expected);
      const { pageInfo, totalCount } = result.data.tasks;
      assert.deepEqual([pageInfo.hasNextPage, totalCount], [more, 5]);
      after = pageInfo.endCursor;
    }
    assert.deepEqual(complaints, []);
  });

  test('a file is attached to a task', async () => {
    const token = await server.registers('kim');
    const taskId = await server.createsTask(token, { title: 'Write the notes' });
    const { client, requests, complaints } = connect(token, {
      fetchOptions: { headers: { ...bearer(token), 'GraphQL-Preflight': '1' } },
    });
    const file = new File(['%PDF-1.7'], 'notes.pdf', { type: 'application/pdf' });
    const { data, error } = await client.mutation(UPLOAD, { input: { taskId, file } }).toPromise();
    assert.equal(error, undefined);
    const { attachment, userErrors } = data.attachmentUpload;
    assert.deepEqual(userErrors, []);
    assert.deepEqual([attachment.filename, attachment.size], ['notes.pdf', 8]);
    assert.deepEqual(attachment.task.attachments.map(({ id }) => id), [attachment.id]);
    assert.equal(requests[0].body.variables.input.file, null);
    assert.deepEqual(complaints, []);
  });

  test('what a mutation answers updates the list that shows the task', async () => {
    const token = await server.registers('cleo');
    const id = await server.createsTask(token, { title: 'Write the notes' });
    const { client, requests, complaints } = connect(token);
    const list = watch(client.query(TASKS, { first: 10 }));
    const shows = (status) => (result) => result.data?.tasks.edges[0].node.status === status;
    await list.until(shows('TODO'));

    const { data } = await client.mutation(TRANSITION, { id, status: 'DONE' }).toPromise();
    assert.deepEqual(data.taskTransition.userErrors, []);
    await list.until(shows('DONE'));
    assert.deepEqual(requests.map(({ body }) => body.operationName), ['Tasks', 'Transition']);

    // What the workflow refuses changes nothing on the screen.
    const refused = await client.mutation(TRANSITION, { id, status: 'IN_PROGRESS' }).toPromise();
    assert.equal(refused.error, undefined);
    assert.deepEqual(refused.data.taskTransition.userErrors.map(({ code }) => code), ['INVALID_TRANSITION']);
    await list.until(shows('DONE'));
    list.stop();
    assert.deepEqual(complaints, []);
  });

  test('errors have their code and the data beside them', async () => {
    const nobody = connect('').client;
    const codes = ({ error }) => error.graphQLErrors.map(({ extensions }) => extensions.code);

    const unsigned = await nobody.query(VIEWER, {}).toPromise();
    assert.deepEqual(codes(unsigned), ['UNAUTHENTICATED']);
    assert.equal(unsigned.error.networkError, undefined);
    const invalid = await nobody.query(gql`{ viewr { id } }`, {}).toPromise();
    assert.deepEqual(codes(invalid), ['GRAPHQL_VALIDATION_FAILED']);

    const { client } = connect(await server.registers('dora'));
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
    const partly = await client.query(query, {}).toPromise();
    assert.deepEqual(codes(partly), ['BAD_USER_INPUT']);
    assert.deepEqual([partly.data.viewer.username, partly.data.user], ['dora', null]);
  });

  test('a subscription goes on where it stopped when its connection breaks', async () => {
    const token = await server.registers('live');
    const socket = connectSocket(server, token);
    const forwardSubscription = ({ query, variables }) => ({
      subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
    });
    const { client } = connect(token, { exchanges: [fetchExchange, subscriptionExchange({ forwardSubscription })] });
    const { data } = await client.query(gql`{ eventCursor }`, {}).toPromise();
    const { sink, titles, until } = collector();
    const subscription = client.subscription(gql(EVENTS), { after: data.eventCursor }).subscribe(sink.next);
    for (const title of ['one', 'two']) await server.createsTask(token, { title });
    await until(2);
    socket.terminate();
    await server.createsTask(token, { title: 'three' });
    await until(3);
    assert.deepEqual(titles(), ['one', 'two', 'three']);
    subscription.unsubscribe();
    await socket.dispose();
  });
});
