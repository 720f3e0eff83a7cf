// Relay's store. Its compiler reads schema.graphql and the operations, as in the build of a front end.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import relay from 'relay-runtime';

import { neverShowsAnOlderVersion } from './support/cache/scenario.js';
import { socketOf } from './support/cache/socket.js';
import { bearer } from './support/server.js';

const { Environment, Network, Observable, RecordSource, Store } = relay;
const { createOperationDescriptor, fetchQuery, requestSubscription } = relay;

/** Compiles the operations, and gives them by name. */
async function compile() {
  const compiler = createRequire(import.meta.url).resolve('relay-compiler/cli.js');
  mkdirSync(fileURLToPath(new URL('artefacts/relay', import.meta.url)), { recursive: true });
  const cwd = fileURLToPath(new URL('support/cache', import.meta.url));
  execFileSync(process.execPath, [compiler, 'relay.config.json'], { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  const names = ['boardTasksQuery', 'boardHistoryQuery', 'boardEventsSubscription', 'boardNewsSubscription'];
  const load = async (name) => [name, (await import(`./artefacts/relay/${name}.graphql.js`)).default];
  return Object.fromEntries(await Promise.all(names.map(load)));
}

function network(server, token, socket) {
  const run = async ({ text: query }, variables) => {
    const answer = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(token) },
      body: JSON.stringify({ query, variables }),
    });
    return answer.json();
  };
  const follow = ({ text: query }, variables) =>
    Observable.create((sink) => socket.subscribe({ query, variables }, sink));
  return Network.create(run, follow);
}

function connectWith(operations) {
  return ({ server, token, changed, failed }) => {
    const socket = socketOf(server, token);
    const environment = new Environment({
      network: network(server, token, socket),
      store: new Store(new RecordSource()),
    });
    const source = environment.getStore().getSource();
    const open = [];
    return {
      async query(name, variables) {
        const operation = createOperationDescriptor(operations[name], variables);
        open.push(environment.retain(operation));
        open.push(environment.subscribe(environment.lookup(operation.fragment), () => changed(name)));
        const run = async () => {
          await fetchQuery(environment, operations[name], variables).toPromise();
          changed(name);
        };
        await run();
        return run;
      },
      subscribe(name, variables, take) {
        const { dispose } = requestSubscription(environment, {
          subscription: operations[name],
          variables,
          onNext: ({ taskEvents }) => {
            changed(name);
            take(taskEvents);
          },
          onError: failed,
        });
        return dispose;
      },
      versions: () =>
        source
          .getRecordIDs()
          .map((id) => source.get(id))
          .filter((record) => record?.__typename === 'Task' && record.version !== undefined)
          .map(({ id, version }) => [id, version]),
      breakConnection: () => socket.terminate(),
      async close() {
        for (const { dispose } of open) dispose();
        await socket.dispose();
      },
    };
  };
}

test("Relay's store never shows an older version than before", async ({ mock }) => {
  // Relay warns of an answer that contradicts itself, such as two versions of one task.
  const warn = mock.method(console, 'error', () => {});
  await neverShowsAnOlderVersion(connectWith(await compile()));
  assert.deepEqual(warn.mock.calls.map(({ arguments: [message] }) => message), []);
});
