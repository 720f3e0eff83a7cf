// Runs random operations and their plain forms, and compares the responses.

import { isDeepStrictEqual } from 'node:util';

import { bearer } from '../support/server.js';

import { ExecutionGenerator } from './executions.js';
import { imitate } from './imitation.js';
import { withoutEmptySelections } from './lowering.js';
import { Random } from './random.js';
import { shrink } from './shrink.js';
import { enroll, populate } from './world.js';

/** Concurrent requests. */
const CONCURRENCY = 4;

/** Mutations per set of tasks. */
const ROUND = 20;

const REPORTED = 5;

/** Fields that differ between servers or change with time. */
const VOLATILE_FIELDS = new Set([
  'Query.rateLimit',
  'Query.eventCursor',
  'Query.sessions',
  'Query.taskStatistics',
  ...['Task', 'TaskEvent', 'Tag', 'User', 'Notification'].flatMap((name) => [`${name}Edge.cursor`]),
  'TaskEvent.cursor',
  'PageInfo.startCursor',
  'PageInfo.endCursor',
  'Attachment.url',
]);

/** Mutations with repeatable payloads that do not end the session. */
const MUTATIONS = new Set([
  'taskCreate',
  'taskUpdate',
  'taskAssign',
  'taskTransition',
  'taskAddTags',
  'taskRemoveTags',
  'taskDelete',
  'taskRestore',
  'taskPurge',
  'tasksBulkUpdate',
  'tasksBulkTransition',
  'tasksBulkCreate',
  'tasksBulkDelete',
  'attachmentDelete',
  'notificationsMarkRead',
  'userUpdate',
]);

/** The state that these mutations change. */
const EFFECTS = `{
  viewer { id username fullName email }
  tasks(first: 100, filter: { includeDeleted: true }, orderBy: { field: ID }) {
    totalCount
    nodes {
      id title description status priority dueDate completedAt version updatedAt deletedAt
      owner { id } assignee { id } tags attachments { id filename }
      history(first: 100) { nodes { type status previousStatus changes { field before after } } }
    }
  }
  notifications(first: 100) { unreadCount nodes { kind taskId isRead status previousStatus } }
}`;

const NO_POOLS = {
  task: ['1'],
  trash: ['2'],
  user: ['3', '4'],
  attachment: ['5'],
  notification: ['6'],
  taskCursor: ['7'],
};

/** Sends an operation. Returns the status and the text of the response. */
export async function ask({ server, token }, { query, operationName, variables }) {
  const name = operationName === undefined ? '' : `,"operationName":${JSON.stringify(operationName)}`;
  const answer = await fetch(server.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token) },
    body: `{"query":${JSON.stringify(query)}${name},"variables":${variables ?? '{}'}}`,
  });
  return { status: answer.status, text: await answer.text() };
}

/** Compares `count` operations as graphql-js executes them over generated data. A difference is a fault of the lowering. */
export function compareImitations(references, seed, count) {
  const run = new Run(
    seed,
    count,
    new ExecutionGenerator(references, NO_POOLS, { operations: { query: 3, mutation: 1 }, volatile: new Set() }),
  );
  const { schema } = references[16];
  for (let item = run.next(); item; item = run.next()) {
    const [original, plain] = [item, { query: item.plain }].map((operation) => ({
      status: 200,
      text: imitate(schema, operation),
    }));
    run.record(item, original, plain);
  }
  return run;
}

/** Compares `count` queries over one set of data. */
export async function compareQueries(references, server, seed, count) {
  const account = await enroll(server, 'reader');
  const generator = new ExecutionGenerator(references, await populate(account), { operations: { query: 1 } });
  const run = new Run(seed, count, generator);
  const worker = async () => {
    for (let item = run.next(); item; item = run.next()) {
      run.record(item, await ask(account, item), await ask(account, { query: item.plain }));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await run.shrink(async (item) => [await ask(account, item), await ask(account, { query: item.plain })]);
  return run;
}

/** Compares `count` mutations and their effects. The original runs on one server, its plain form on another with equal data.
 * `start` starts a server. */
export async function compareMutations(references, start, seed, count) {
  const run = new Run(seed, count);
  while (run.hasMore && run.disagreements.length < REPORTED) {
    const servers = await Promise.all([start(), start()]);
    try {
      await compareServers(references, servers, run);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  }
  return run;
}

/** Compares until the end, or until the data of the two servers differ. */
async function compareServers(references, servers, run) {
  const accounts = await Promise.all(servers.map((server) => enroll(server, 'writer')));
  for (let same = true; same && run.hasMore;) {
    const [pools, otherPools] = await Promise.all(accounts.map(populate));
    // Cursors contain times.
    if (!isDeepStrictEqual({ ...pools, taskCursor: [] }, { ...otherPools, taskCursor: [] })) {
      throw new Error(
        `the data of the two servers differ before the first comparison: ${JSON.stringify([pools, otherPools])}`,
      );
    }
    run.generator = new ExecutionGenerator(
      references,
      { ...pools, taskCursor: [] },
      {
        operations: { mutation: 1 },
        roots: (name) => MUTATIONS.has(name),
        volatile: VOLATILE_FIELDS,
      },
    );
    same = await compareRound(run, accounts);
  }
}

async function compareRound(run, [account, other]) {
  for (let left = ROUND; left > 0; left -= 1) {
    const item = run.next();
    if (!item) return true;
    const answers = await Promise.all([ask(account, item), ask(other, { query: item.plain })]);
    const effects = await Promise.all([account, other].map((one) => ask(one, { query: EFFECTS })));
    const same =
      run.record(item, ...answers.map(withoutMoments)) &&
      run.record({ ...item, effects: true }, ...effects.map(withoutMoments));
    if (!same) return false;
  }
  return true;
}

/** The comparisons of one run. */
class Run {
  #seed;
  #count;
  #index = 0;
  #prepared = [];
  compared = 0;
  failed = 0;
  disagreements = [];

  constructor(seed, count, generator) {
    this.#seed = seed;
    this.#count = count;
    this.generator = generator;
  }

  get hasMore() {
    return this.compared < this.#count;
  }

  /** The next operation that can be compared; undefined at the end. */
  next() {
    while (this.hasMore) {
      if (this.#prepared.length === 0) {
        const index = this.#index++;
        this.#prepared = this.generator.generate(Random.forItem(this.#seed, index)).map((item) => ({ ...item, index }));
        continue;
      }
      this.compared += 1;
      return this.#prepared.shift();
    }
    return undefined;
  }

  /** Records a comparison. Returns whether the responses are equal. */
  record(item, original, plain) {
    const difference = compare(original, plain);
    if (difference) this.disagreements.push({ ...item, original, plain: { query: item.plain, ...plain }, difference });
    if (original.text.startsWith('{"errors"')) this.failed += 1;
    return difference === undefined;
  }

  get summary() {
    return `seed ${this.#seed}: ${this.compared} operations compared, ${this.failed} with errors, of ${this.#index} documents`;
  }

  /** Replaces the first disagreements by smaller ones. `answer` gives both responses to an operation. */
  async shrink(answer) {
    for (const disagreement of this.disagreements.slice(0, REPORTED)) {
      const smaller = async (query) => {
        const item = this.generator.withPlainForm({ ...disagreement, query });
        if (!item) return undefined;
        const [original, plain] = await answer(item);
        return compare(original, plain) === disagreement.difference
          ? { ...item, original, plain: { query: item.plain, ...plain } }
          : undefined;
      };
      const query = await shrink(disagreement.query, (candidates) => Promise.all(candidates.map(smaller)));
      Object.assign(disagreement, await smaller(query));
    }
  }

  get report() {
    const shown = this.disagreements
      .slice(0, REPORTED)
      .map(({ index, query, operationName, variables, effects, original, plain, difference }) =>
        [
          `operation ${index}: ${difference}${effects ? ', in its effects' : ''}`,
          query,
          `variables: ${variables}${operationName ? ` of ${operationName}` : ''}`,
          `response: ${original.status} ${original.text}`,
          `as a plain document: ${plain.query}`,
          `response: ${plain.status} ${plain.text}`,
        ].join('\n'),
      );
    return `${this.disagreements.length} disagreements; TASKWIRE_ORACLE_SEED=${this.#seed} repeats them\n\n${shown.join('\n\n')}`;
  }
}

/** The text with positions in place of event cursors, which also name the log: each database has its own. */
function withoutLogs(text) {
  return text.replace(/"(Wy[\w-]+)"/g, (whole, cursor) => {
    const [log, ...position] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return typeof log === 'string' && position.length === 2 ? JSON.stringify(`cursor ${position}`) : whole;
  });
}

/** How two responses differ; undefined if they do not. */
export function compare(original, plain) {
  const plainText = withoutLogs(withoutEmptySelections(plain.text));
  const originalText = withoutLogs(original.text);
  if (original.status !== plain.status) return 'the status differs';
  if (originalText === plainText) return undefined;
  const [one, other] = [JSON.parse(originalText), JSON.parse(plainText)];
  if (!one.errors && !other.errors) return 'the text of the response differs';
  if (JSON.stringify(one.data) !== JSON.stringify(other.data)) return 'the data differ';
  return isDeepStrictEqual(errorsOf(one), errorsOf(other)) ? undefined : 'the errors differ';
}

/** Errors without positions and request ids, in one order.
 *
 * Where errors set an ancestor of their field to null, the specification leaves open which of them are reported. */
function errorsOf({ data, errors = [] }) {
  const texts = errors.map(({ message, path, extensions }) => {
    const ancestor = data === undefined ? undefined : nullAncestor(data, path);
    return JSON.stringify(ancestor ?? [message, path, extensions?.code]);
  });
  return [...new Set(texts)].sort();
}

/** The path of the ancestor that is null because of an error; undefined if the field itself is. */
function nullAncestor(data, path) {
  let value = data;
  for (const [depth, key] of path.entries()) {
    if (value === null) return path.slice(0, depth);
    value = value[key];
  }
  return undefined;
}

/** Replaces current times. The due dates of `TASKS` and `MOMENTS` are later. */
function withoutMoments({ status, text }) {
  return { status, text: text.replaceAll(/"20(?:2[5-9]|[3-8]\d)-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)"/g, '"<now>"') };
}
