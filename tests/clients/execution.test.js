// Compares the response and the effects of an operation with those of its plain form: without variables, fragments,
// directives or repeated fields.
//
// TASKWIRE_ORACLE_SEED repeats a run. TASKWIRE_ORACLE_EXECUTIONS sets its length.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { createClient } from 'graphql-sse';

import { ask, compareMutations, compareQueries } from './oracle/execution-oracle.js';
import { count, seed } from './oracle/random.js';
import { readSchema, references } from './oracle/references.js';
import { clear, enroll, SETTINGS } from './oracle/world.js';
import { inbox, opening } from './support/inbox.js';
import { bearer, serve } from './support/server.js';

const SEED = seed();
const EXECUTIONS = count('TASKWIRE_ORACLE_EXECUTIONS', 300);

describe('operations run as the specification says', () => {
  let both;
  let server;

  before(async () => {
    both = references(readSchema());
    server = await serve(SETTINGS);
  });
  after(() => server.stop());

  test('random queries', async (context) => {
    const run = await compareQueries(both, server, SEED, Math.ceil((EXECUTIONS * 2) / 3));
    context.diagnostic(run.summary);
    if (run.disagreements.length > 0) assert.fail(run.report);
  });

  test('random mutations', async (context) => {
    const run = await compareMutations(both, () => serve(SETTINGS), SEED, Math.ceil(EXECUTIONS / 3));
    context.diagnostic(run.summary);
    if (run.disagreements.length > 0) assert.fail(run.report);
  });

  describe('examples', () => {
    const CREATE = 'taskCreate(input: { title: "Created once" })';
    let account;

    const run = async (query, variables = {}) =>
      JSON.parse((await ask(account, { query, variables: JSON.stringify(variables) })).text);
    const titles = async () => {
      const { data } = await run('{ tasks(first: 100) { nodes { title } } }');
      return data.tasks.nodes.map(({ title }) => title);
    };

    before(async () => {
      account = await enroll(server, 'examples');
    });
    beforeEach(() => clear(account));

    test('a mutation that a defaulted variable skips does not run', async () => {
      const id = await server.createsTask(account.token, { title: 'Kept' });
      const response = await run(
        'mutation ($id: ID!, $dry: Boolean = true) { taskPurge(id: $id) @skip(if: $dry) { task { id } } }',
        { id },
      );
      assert.deepEqual(response, { data: {} });
      assert.deepEqual(await titles(), ['Kept']);
    });

    test('a mutation that is selected twice runs once', async () => {
      const { data } = await run(`mutation { ${CREATE} { task { id } } ${CREATE} { task { title } } }`);
      assert.deepEqual(Object.keys(data.taskCreate.task), ['id', 'title']);
      assert.deepEqual(await titles(), ['Created once']);
    });

    test('a mutation that is also selected in fragments runs once', async () => {
      const { data } = await run(`
        mutation { ...First ... on Mutation { ${CREATE} { task { title } } } ...Second ...First }
        fragment First on Mutation { ${CREATE} { task { id } } }
        fragment Second on Mutation { ... @include(if: true) { ${CREATE} { ...Third task { status } } } }
        fragment Third on TaskCreatePayload { task { priority } }
      `);
      assert.deepEqual(Object.keys(data.taskCreate.task), ['id', 'title', 'priority', 'status']);
      assert.deepEqual(await titles(), ['Created once']);
    });

    test('mutations under different names run each, in the order in which they are first selected', async () => {
      const query = `mutation {
        b: taskCreate(input: { title: "b" }) { task { databaseId } }
        a: taskCreate(input: { title: "a" }) { task { databaseId } }
        b: taskCreate(input: { title: "b" }) { task { title } }
      }`;
      const { data } = await run(query);
      assert.deepEqual(Object.keys(data), ['b', 'a']);
      assert.ok(data.b.task.databaseId < data.a.task.databaseId);
      assert.deepEqual((await titles()).sort(), ['a', 'b']);
    });

    test('an absent variable lets the default of the argument apply', async () => {
      const query = 'query ($u: Boolean) { notifications(unreadOnly: $u) { totalCount } }';
      assert.deepEqual(await run(query), { data: { notifications: { totalCount: 0 } } });
    });

    test('null for an argument with a default that cannot be null fails the field', async () => {
      const query = 'query ($u: Boolean) { notifications(unreadOnly: $u) { totalCount } }';
      const { data, errors } = await run(query, { u: null });
      assert.equal(data, null);
      assert.deepEqual(
        errors.map(({ path, extensions }) => [path, extensions.code]),
        [[['notifications'], 'BAD_USER_INPUT']],
      );
    });

    test('nothing runs when a required variable is missing', async () => {
      const query = `mutation ($id: ID!) { ${CREATE} { task { id } } b: taskDelete(id: $id) { task { id } } }`;
      for (const variables of [{}, { id: null }, { id: {} }]) {
        const response = await run(query, variables);
        assert.ok(!('data' in response), JSON.stringify(response));
        assert.equal(response.errors[0].extensions.code, 'BAD_USER_INPUT');
      }
      assert.deepEqual(await titles(), []);
    });

    test('nothing runs when a nullable variable is used where null is not allowed', async () => {
      const response = await run(
        `mutation ($id: ID) { ${CREATE} { task { id } } b: taskDelete(id: $id) { task { id } } }`,
      );
      assert.ok(!('data' in response), JSON.stringify(response));
      assert.equal(response.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED');
      assert.deepEqual(await titles(), []);
    });

    test('an absent variable leaves an input field out, and null clears it', async () => {
      const id = await server.createsTask(account.token, { title: 'Described', description: 'At length' });
      const query = `mutation ($id: ID!, $description: String) {
        taskUpdate(id: $id, input: { description: $description }) { task { description } }
      }`;
      assert.deepEqual(await run(query, { id }), { data: { taskUpdate: { task: { description: 'At length' } } } });
      assert.deepEqual(await run(query, { id, description: null }), {
        data: { taskUpdate: { task: { description: null } } },
      });
    });

    test('a selection set with all fields skipped gives an empty object', async () => {
      const query =
        'query ($me: ID!, $no: Boolean = false) { viewer { id @include(if: $no) } node(id: $me) { ... on Task { id } } }';
      assert.deepEqual(await run(query, { me: account.id }), { data: { viewer: {}, node: {} } });
    });

    test('the fields of a fragment on the interface merge with those of the type', async () => {
      const { data } = await run(`{
        node(id: "${account.id}") { ... on User { username } ...Any ... on Task { title } ... on User { databaseId id } __typename }
      }
      fragment Any on Node { id ... on User { fullName } }`);
      assert.deepEqual(Object.keys(data.node), ['username', 'id', 'fullName', 'databaseId', '__typename']);
    });

    test('a subscription root field may be in fragments', async () => {
      const box = inbox();
      const { fetch, opened } = opening();
      const client = createClient({
        url: server.endpoint,
        headers: bearer(account.token),
        fetchFn: fetch,
        retryAttempts: 0,
      });
      const query = `
        subscription { ...Root taskEvents { task { ...Names } } }
        fragment Root on Subscription { taskEvents { type task { id @skip(if: true) } } ... { taskEvents { status } } }
        fragment Names on Task { title }
      `;
      const stop = client.subscribe({ query }, { next: box.put, error: box.put, complete: () => {} });
      await opened();
      await server.createsTask(account.token, { title: 'Received' });
      assert.deepEqual(await box.take(), {
        data: { taskEvents: { type: 'CREATED', task: { title: 'Received' }, status: 'TODO' } },
      });
      stop();
    });
  });
});
