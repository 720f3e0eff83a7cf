// The recipes of docs/FRONT-ENDS.md, against the server.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { gql as apolloGql } from '@apollo/client';
import { buildSchema, isObjectType } from 'graphql';
import relay from 'relay-runtime';
import WebSocket from 'ws';

import { EVENTS } from './support/live.js';
import { expiringIn, serveWithOutages, signIn } from './support/outage.js';
import { workspace } from './support/server.js';
import { within } from './support/wait.js';
import { watch } from './support/watch.js';

const { apolloClient } = await import('./examples/apollo.ts');
const { relayNetwork } = await import('./examples/relay.ts');
const { Session, refresh } = await import('./examples/session.ts');
const { graphcache, urqlClient } = await import('./examples/urql.ts');

const schema = buildSchema(readFileSync(join(workspace, 'schema.graphql'), 'utf8'));
const settings = { webSocketImpl: WebSocket };

const TASKS = `
  query Tasks($first: Int!, $after: String, $filter: TaskFilter) {
    tasks(first: $first, after: $after, filter: $filter, orderBy: [{ field: TITLE }]) {
      edges { node { id title status version } }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const TRANSITION = `
  mutation Transition($id: ID!, $status: TaskStatus!) {
    taskTransition(id: $id, status: $status) { task { id status version } userErrors { code } }
  }
`;
const CREATE = `
  mutation Create($input: TaskCreateInput!) {
    taskCreate(input: $input) { task { id title status version } userErrors { code } }
  }
`;
const UPLOAD = `
  mutation Upload($input: AttachmentUploadInput!) {
    attachmentUpload(input: $input) { attachment { id filename size } userErrors { code message } }
  }
`;
const VIEWER = (name) => `query ${name} { viewer { id username } }`;

const titles = ({ data }) => data?.tasks.edges.map(({ node }) => node.title).join('');

/** A folder below this one, where packages are found. */
function temporaryFolder(name) {
  const artefacts = fileURLToPath(new URL('artefacts/', import.meta.url));
  mkdirSync(artefacts, { recursive: true });
  const folder = mkdtempSync(join(artefacts, `${name}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs the command of a package in a folder. */
function run(folder, command, ...args) {
  const path = fileURLToPath(new URL(`node_modules/.bin/${command}`, import.meta.url));
  try {
    execFileSync(path, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  } catch ({ stdout, stderr }) {
    throw new Error(`${command}: ${stdout}${stderr}`);
  }
}

describe('the recipes for front ends', () => {
  let outage;
  let server;
  let people = 0;
  before(async () => {
    outage = await serveWithOutages();
    server = outage.server;
  });
  after(() => outage?.stop());

  /** An account, with a session that counts how often its token was replaced. */
  async function somebody({ expired = false } = {}) {
    const token = await server.registers(`somebody${(people += 1)}`);
    let tokens = await signIn(server, `somebody${people}`);
    if (expired) tokens = { ...tokens, accessToken: expiringIn(-60, tokens.accessToken) };
    const renewals = [];
    const store = { read: () => tokens, write: (next) => renewals.push((tokens = next)) };
    const session = new Session(store, (refreshToken) => refresh(server.endpoint, refreshToken));
    return { token, session, renewals };
  }

  describe('Apollo Client', () => {
    test('pages grow into one list for each filter', async () => {
      const { token, session } = await somebody();
      for (const title of ['c', 'a', 'd', 'b']) await server.createsTask(token, { title });
      await server.createsTask(token, { title: 'done', status: 'DONE' });
      const client = apolloClient(server.endpoint, session, settings);
      const open = client.watchQuery({
        query: apolloGql(TASKS),
        variables: { first: 2, filter: { status: { eq: 'TODO' } } },
      });
      const list = watch(open);
      await list.until((result) => titles(result) === 'ab');
      const done = { first: 2, filter: { status: { eq: 'DONE' } } };
      assert.equal(titles(await client.query({ query: apolloGql(TASKS), variables: done })), 'done');
      await open.fetchMore({ variables: { after: open.getCurrentResult().data.tasks.pageInfo.endCursor } });
      await list.until((result) => titles(result) === 'abcd');
      list.stop();
      client.stop();
    });

    test('a response that is overtaken does not bring back an older version', async ({ mock }) => {
      const { token, session } = await somebody();
      const id = await server.createsTask(token, { title: 'a' });
      const client = apolloClient(server.endpoint, session, settings);
      const query = apolloGql(TASKS);
      const variables = { first: 10 };
      const list = watch(client.watchQuery({ query, variables }));
      const shows = (status, version) => (result) => {
        const node = result.data?.tasks.edges[0]?.node;
        return node?.status === status && node.version === version;
      };
      await list.until(shows('TODO', 1));

      // The response of the next query is read by the server now, and by the client after that of the mutation.
      const send = globalThis.fetch;
      let release;
      const released = new Promise((resolve) => (release = resolve));
      let answered;
      const answer = new Promise((resolve) => (answered = resolve));
      const slow = mock.method(globalThis, 'fetch', async (...request) => {
        const response = await send(...request);
        answered();
        await released;
        return response;
      });
      const overtaken = client.query({ query, variables, fetchPolicy: 'network-only' });
      await within('the response', answer);
      slow.mock.restore();
      await client.mutate({ mutation: apolloGql(TRANSITION), variables: { id, status: 'DONE' } });
      await list.until(shows('DONE', 2));
      mock.method(console, 'error', () => {});
      release();
      assert.ok(shows('DONE', 2)(await overtaken));
      assert.ok(shows('DONE', 2)({ data: client.readQuery({ query, variables }) }));
      list.stop();
      client.stop();
    });

    test('requests with an expired token share one refresh', async () => {
      const { session, renewals } = await somebody({ expired: true });
      const client = apolloClient(server.endpoint, session, settings);
      const names = ['One', 'Two', 'Three'];
      const results = await Promise.all(names.map((name) => client.query({ query: apolloGql(VIEWER(name)) })));
      assert.deepEqual(results.map(({ data, error }) => [Boolean(data?.viewer), error]), names.map(() => [true, undefined]));
      assert.equal(renewals.length, 1);
      client.stop();
    });

    test('a file is uploaded', async () => {
      const { session } = await somebody();
      const client = apolloClient(server.endpoint, session, settings);
      const variables = { input: { file: new File(['text'], 'notes.txt', { type: 'text/plain' }) } };
      const { data } = await client.mutate({ mutation: apolloGql(UPLOAD), variables });
      assert.deepEqual(data.attachmentUpload.userErrors, []);
      assert.deepEqual([data.attachmentUpload.attachment.filename, data.attachmentUpload.attachment.size], ['notes.txt', 4]);
      client.stop();
    });
  });

  describe('urql', () => {
    const connect = (session) => urqlClient(server.endpoint, session, async () => {}, settings);

    test('every type without an id has a key', () => {
      const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
      const keyless = Object.values(schema.getTypeMap())
        .filter((type) => isObjectType(type) && !roots.includes(type) && !type.getFields().id)
        .map(({ name }) => name)
        // Those of graphcache itself, and payloads, which belong to their mutation.
        .filter((name) => !/^__|PageInfo|(Connection|Edge|Payload)$/.test(name));
      assert.deepEqual(keyless.filter((name) => !graphcache.keys[name]), []);
    });

    test('a list shows a task that was created here, and one that was created elsewhere', async ({ mock }) => {
      const warned = mock.method(console, 'warn', () => {});
      const { token, session } = await somebody();
      await server.createsTask(token, { title: 'a' });
      const client = connect(session);
      const { data } = await client.query('{ eventCursor }', {}).toPromise();
      const list = watch(client.query(TASKS, { first: 10 }));
      await list.until((result) => titles(result) === 'a');
      const { data: created } = await client.mutation(CREATE, { input: { title: 'b' } }).toPromise();
      assert.deepEqual(created.taskCreate.userErrors, []);
      await list.until((result) => titles(result) === 'ab');

      const events = client.subscription(EVENTS, { after: data.eventCursor }).subscribe(() => {});
      const id = await server.createsTask(token, { title: 'c' });
      await list.until((result) => titles(result) === 'abc');
      await server.graphql(token, 'mutation ($id: ID!) { taskDelete(id: $id) { task { id } } }', { id });
      await list.until((result) => titles(result) === 'ab');
      events.unsubscribe();
      list.stop();
      assert.deepEqual(warned.mock.calls.map(({ arguments: [message] }) => message), []);
    });

    test('requests with an expired token share one refresh', async () => {
      const { session, renewals } = await somebody({ expired: true });
      const client = connect(session);
      const names = ['One', 'Two', 'Three'];
      const results = await Promise.all(names.map((name) => client.query(VIEWER(name), {}).toPromise()));
      assert.deepEqual(results.map(({ data, error }) => [Boolean(data?.viewer), error]), names.map(() => [true, undefined]));
      assert.equal(renewals.length, 1);
    });

    test('a file is uploaded', async () => {
      const { session } = await somebody();
      const variables = { input: { file: new File(['text'], 'notes.txt', { type: 'text/plain' }) } };
      const { data } = await connect(session).mutation(UPLOAD, variables).toPromise();
      assert.deepEqual(data.attachmentUpload.userErrors, []);
      assert.deepEqual([data.attachmentUpload.attachment.filename, data.attachmentUpload.attachment.size], ['notes.txt', 4]);
    });
  });

  describe('Relay', () => {
    const folder = temporaryFolder('relay');
    const operations = {};
    before(async () => {
      const named = { Upload: UPLOAD, Events: EVENTS, Viewer: VIEWER('Viewer') };
      // The compiler wants operations that are named after their file and their kind.
      const source = Object.values(named).map((text) => {
        const [, kind, name] = /(query|mutation|subscription) (\w+)/.exec(text);
        const suffix = kind[0].toUpperCase() + kind.slice(1);
        return `graphql\`${text.replace(name, `recipes${name}${suffix}`)}\`;`;
      });
      writeFileSync(join(folder, 'recipes.js'), source.join('\n'));
      copyFileSync(join(workspace, 'schema.graphql'), join(folder, 'schema.graphql'));
      const config = { src: '.', schema: 'schema.graphql', language: 'javascript', eagerEsModules: true };
      writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
      run(folder, 'relay-compiler', 'relay.config.json');
      for (const name of ['recipesUploadMutation', 'recipesEventsSubscription', 'recipesViewerQuery']) {
        const artifact = join(folder, '__generated__', `${name}.graphql.js`);
        operations[name] = (await import(pathToFileURL(artifact))).default;
      }
    });

    function environment(session) {
      const load = () => assert.fail('the cursor was not taken');
      const network = relayNetwork(server.endpoint, { session, load }, settings);
      return new relay.Environment({ network, store: new relay.Store(new relay.RecordSource()) });
    }

    test('a file is uploaded, with a token that is expired', async () => {
      const { session, renewals } = await somebody({ expired: true });
      const uploaded = new Promise((resolve, reject) => {
        relay.commitMutation(environment(session), {
          mutation: operations.recipesUploadMutation,
          variables: { input: { file: null } },
          uploadables: { 'input.file': new File(['text'], 'notes.txt', { type: 'text/plain' }) },
          onCompleted: resolve,
          onError: reject,
        });
      });
      const { attachmentUpload } = await within('the upload', uploaded);
      assert.deepEqual(attachmentUpload.userErrors, []);
      assert.deepEqual([attachmentUpload.attachment.filename, attachmentUpload.attachment.size], ['notes.txt', 4]);
      assert.equal(renewals.length, 1);
    });

    test('a query is answered, and a subscription delivers', async () => {
      const { token, session } = await somebody();
      const store = environment(session);
      const { viewer } = await relay.fetchQuery(store, operations.recipesViewerQuery, {}).toPromise();
      assert.equal(viewer.username, `somebody${people}`);
      const { eventCursor } = await server.graphql(token, '{ eventCursor }');
      let events;
      const delivered = new Promise((onNext, onError) => {
        const subscription = operations.recipesEventsSubscription;
        events = relay.requestSubscription(store, { subscription, variables: { after: eventCursor }, onNext, onError });
      });
      await server.createsTask(token, { title: 'Live' });
      assert.equal((await within('the event', delivered)).taskEvents.task.title, 'Live');
      events.dispose();
    });
  });

  test('the code generator gives every scalar its type', () => {
    const folder = temporaryFolder('codegen');
    const fields = Object.values(schema.getType('TaskEventChange').getFields());
    const json = fields.find(({ type }) => type.name === 'JSON').name;
    const write = (name, text) => writeFileSync(join(folder, name), text);
    copyFileSync(join(workspace, 'schema.graphql'), join(folder, 'schema.graphql'));
    copyFileSync(fileURLToPath(new URL('examples/codegen.ts', import.meta.url)), join(folder, 'codegen.ts'));
    mkdirSync(join(folder, 'src'));
    write(
      'src/recipes.ts',
      `import { graphql } from './gql';
      import type { ResultOf, VariablesOf } from '@graphql-typed-document-node/core';

      const upload = graphql(\`${UPLOAD}\`);
      const due = graphql(\`query Due($id: ID!) {
        task(id: $id) { dueDate history(first: 1) { nodes { changes { value: ${json} } } } }
      }\`);
      type Task = NonNullable<ResultOf<typeof due>['task']>;

      /** Fails to compile unless both types are the same. */
      function same<A, B>(..._: [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never]): void {}
      same<VariablesOf<typeof upload>['input']['file'], File>();
      same<Task['dueDate'], string | null>();
      same<Task['history']['nodes'][number]['changes'][number]['value'], unknown>();
      // @ts-expect-error a date is text
      same<NonNullable<Task['dueDate']>, Date>();
      `,
    );
    write('tsconfig.json', '{ "extends": "../../tsconfig.json", "include": ["src"] }');
    run(folder, 'graphql-codegen', '--config', 'codegen.ts', '--silent');
    run(folder, 'tsc', '--project', '.');
  });
});
