// What a normalised cache shows during 1,000 changes, with subscriptions, resumed subscriptions and histories open at once.
//
// Two connections can deliver answers in another order than the server sent them, and no server can prevent that. So
// queries run while the writer pauses and every event has arrived. Then an answer that arrives later must not be older,
// and a cache without any rule about versions never shows an older one.

import assert from 'node:assert/strict';

import { serve } from '../server.js';
import { within } from '../wait.js';
import { Writer } from './writer.js';

const TASKS = 20;
const ROUNDS = 10;
/** The number of events that a subscription missed before it resumes. */
const MISSED = 20;
/** The rounds in which the connection breaks. Each subscription then begins again where it first began. */
const BREAKS = new Set([2, 5]);

/** Remembers the version of each task that a cache shows, and every fall to an older one. */
class Versions {
  falls = [];
  #shown = new Map();

  see(shown, after) {
    for (const [id, version] of shown) {
      const before = this.#shown.get(id) ?? 0;
      if (version < before) this.falls.push(`${id}: ${before}, then ${version} after ${after}`);
      this.#shown.set(id, version);
    }
  }

  get shown() {
    return Object.fromEntries(this.#shown);
  }
}

/** The events that a subscription has received, by cursor. A broken connection brings some again. */
class Received {
  events = new Map();
  #look = () => {};

  take(event) {
    this.events.set(event.cursor, event);
    this.#look();
  }

  async until(what, isComplete) {
    const complete = new Promise((resolve) => {
      this.#look = () => {
        if (isComplete()) resolve();
      };
      this.#look();
    });
    await within(what, complete).catch(({ message }) => {
      throw new Error(`${message}; ${this.events.size} arrived`);
    });
  }
}

/**
 * Runs the scenario with a client of `connect({ server, token, changed, failed })`. The client calls `changed` after each
 * answer that its cache took and `failed` with an error, and has
 * - `query(name, variables)`: runs a query and keeps it open; gives a function that runs it again,
 * - `subscribe(name, variables, take)`: gives a function that ends the subscription,
 * - `versions()`: pairs of the id and the version of each task, as the cache shows them now,
 * - `breakConnection()` and `close()`.
 */
export async function neverShowsAnOlderVersion(connect) {
  const server = await serve({ RATE_LIMIT_ENABLED: 'false' });
  try {
    const token = await server.registers('ada');
    const versions = new Versions();
    let failed;
    const failure = new Promise((_, reject) => (failed = reject));
    const changed = (what) => versions.see(client.versions(), what);
    const client = connect({ server, token, changed, failed });
    try {
      await Promise.race([change(server, token, client), failure]);
    } finally {
      await client.close();
    }
    assert.deepEqual(versions.falls.slice(0, 10), []);
    const now = await server.graphql(token, '{ tasks(first: 100) { nodes { id version } } }');
    assert.deepEqual(versions.shown, Object.fromEntries(now.tasks.nodes.map(({ id, version }) => [id, version])));
  } finally {
    await server.stop();
  }
}

/** Changes tasks 1,000 times while the client has everything open, and waits until it has received all of it. */
async function change(server, token, client) {
  const colleague = await server.graphql(await server.registers('bob'), '{ viewer { id } }');
  const { eventCursor: start } = await server.graphql(token, '{ eventCursor }');
  const writer = new Writer(server, token, colleague.viewer.id);
  const ids = await writer.create(TASKS);

  const all = new Received();
  /** Each open subscription with the events that it must receive. */
  const open = [];
  const subscribe = (name, filter, after, expects) => {
    const received = new Received();
    const close = client.subscribe(name, { filter, after }, (event) => received.take(event));
    open.push({ name: `${name} ${JSON.stringify(filter)}`, received, expects });
    return () => {
      open.splice(open.findIndex((entry) => entry.received === received), 1);
      close();
    };
  };
  /** Waits until everything has arrived that was written. */
  const settle = async (count) => {
    await all.until('all events', () => all.events.size >= count);
    assert.equal(all.events.size, count);
    for (const { name, received, expects } of open) {
      const expected = [...all.events.values()].filter(expects).map(({ cursor }) => cursor);
      await received.until(`the events of ${name}`, () => expected.every((cursor) => received.events.has(cursor)));
    }
  };

  const moved = ['STATUS_CHANGED', 'ASSIGNED', 'UNASSIGNED'];
  const isAt = (status) => (event) => event.status === status || event.previousStatus === status;
  const isOf = (types) => (event) => types.includes(event.type);
  client.subscribe('boardEventsSubscription', { after: start }, (event) => all.take(event));
  subscribe('boardEventsSubscription', { status: { eq: 'IN_PROGRESS' } }, start, isAt('IN_PROGRESS'));
  subscribe('boardNewsSubscription', { types: moved }, start, isOf(moved));
  await settle(TASKS);
  const again = [await client.query('boardTasksQuery', {})];
  for (const id of ids) again.push(await client.query('boardHistoryQuery', { id }));

  let written = TASKS;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const places = [...all.events.keys()];
    const last = places.at(-MISSED);
    const earlier = new Set(places.slice(0, -MISSED + 1));
    const resumed = [
      subscribe('boardEventsSubscription', { types: ['CREATED'] }, start, isOf(['CREATED'])),
      subscribe('boardNewsSubscription', {}, last, ({ cursor }) => !earlier.has(cursor)),
    ];
    const writing = writer.round();
    if (BREAKS.has(round)) client.breakConnection();
    written += await writing;
    await settle(written);
    for (const run of again) await run();
    for (const close of resumed) close();
  }

  assert.equal(written - TASKS, 1_000);
}
