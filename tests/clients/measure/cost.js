// Searches for documents that take more time than they are priced at.
//
// It seeds 100,000 tasks of 100 users, sends random operations as an administrator and as a user, and divides the
// processor time of each, in the server and in the database, less that of the smallest query, by its points. Each is
// first asked once. If that took too long, it is asked again on a busy server: the first request after a pause finds cold
// caches and sleeping threads, and points protect a server that has no pauses. The worst are reported.
//
// Run it by `cargo xtask bench cost`. TASKWIRE_ORACLE_SEED repeats a run, TASKWIRE_COST_DOCUMENTS sets its length.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import * as ast from '../oracle/ast.js';
import { ExecutionGenerator } from '../oracle/executions.js';
import { count, Random, seed } from '../oracle/random.js';
import { readSchema, references } from '../oracle/references.js';
import { bearer, serve } from '../support/server.js';

const SEED = seed();
const DOCUMENTS = count('TASKWIRE_COST_DOCUMENTS', 10_000);
const PASSWORD = 'Password123';
/** The most microseconds of processor time that a point may cost. */
const PER_POINT = 50;
/**
 * Measurements of a document above the limit. The least time counts, because other work only adds to it. They are spread:
 * each round has all of these documents, so that a few busy seconds are not in every measurement of one document.
 */
const ATTEMPTS = 5;
/** Times that such a document is asked in one measurement, and how many of them run at once. */
const [REPETITIONS, AT_ONCE] = [24, 8];
const REPORTED = 10;
const [USERS, TASKS] = [100, 100_000];

const SETTINGS = {
  SECRET_KEY: '5f1dc9b2f0a84a7e9d7f0c1e6a3b8d2c4e6f8a0b',
  RATE_LIMIT_ENABLED: 'true',
  GRAPHQL_POINTS_PER_MINUTE: '4000000000',
  RATE_LIMIT_PER_MINUTE: '1000000',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
  GRAPHQL_MAX_ALIASES: '1000',
};

const WORDS = ['th', 'the', 'page', 'fix', 'login', 'atlas-17', 'zz', 'qqq', 'of', 'review', 'at', 're', 'budget'];
const MOMENTS = ['2026-11-01T00:00:00Z', '2026-11-28T00:00:00Z', '2027-01-01T00:00:00Z', '2020-01-01T00:00:00Z'];
const DAYS = ['2026-11-01', '2027-01-01'];

const POOLS = `{
  viewer { id }
  tasks(first: 100) { edges { cursor } nodes { id owner { id } assignee { id } attachments { id } } }
  trash: tasks(first: 20, filter: { includeDeleted: true, isCompleted: true }) { nodes { id } }
  notifications(first: 50) { nodes { id } }
}`;

async function main() {
  const results = [];
  for (const [engine, database] of databases()) results.push(await measure(engine, database));
  const report = write(results);
  process.stdout.write(report);
  if (process.env.TASKWIRE_COST_REPORT) writeFileSync(process.env.TASKWIRE_COST_REPORT, report);
}

function databases() {
  const folder = mkdtempSync(join(tmpdir(), 'taskwire-cost-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const postgres = process.env.TASKWIRE_COST_POSTGRES;
  return [
    ['SQLite', `sqlite:///${join(folder, 'tasks.db')}`],
    ...(postgres ? [['PostgreSQL', withoutParallelWorkers(postgres)]] : []),
  ];
}

/** No parallel workers: they end with their statement, so their time would be missing. */
function withoutParallelWorkers(database) {
  const url = new URL(database);
  url.searchParams.set('options', '-c max_parallel_workers_per_gather=0');
  return url.href;
}

async function measure(engine, database) {
  const settings = { ...SETTINGS, DATABASE_URL: database };
  const binary = process.env.TASKWIRE_BINARY;
  const command = (...words) => execFileSync(binary, words, { env: settings, stdio: ['ignore', 'ignore', 'inherit'] });
  command('migrate', 'up');
  command('seed', '--users', String(USERS), '--tasks', String(TASKS));
  command('user', 'create', '--email', 'boss@example.com', '--username', 'boss', '--password', PASSWORD, '--admin');
  const server = await serve(settings);
  server.backends = engine === 'PostgreSQL' ? backendsOf(database) : null;
  try {
    const both = references(readSchema());
    const askers = [];
    for (const name of ['boss', 'user1']) askers.push(await asker(server, both, name));
    const base = await baseOf(server, askers[0]);
    const random = new Random(SEED);
    let refused = 0;
    const found = [];
    while (found.length < DOCUMENTS) {
      const who = random.pick(askers);
      const [query, sets] = operation(who, random);
      if (!query) continue;
      const variables = sets.at(-1);
      const before = processorTime(server);
      const { points, code } = await ask(server, who, query, variables);
      if (!points) {
        refused += 1;
        if (code === 'INTERNAL') throw new Error(`INTERNAL: ${query}`);
        continue;
      }
      found.push({ who, query, variables, points, milliseconds: processorTime(server) - before });
    }
    const score = ({ milliseconds, points }) => (Math.max(0, milliseconds - base) * 1000) / points;
    const isAbove = (document) => score(document) > PER_POINT;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1)
      for (const document of found.filter(isAbove))
        document.milliseconds = Math.min(document.milliseconds, await busy(server, document));
    for (const document of found) document.score = score(document);
    found.sort((one, other) => other.score - one.score);
    const above = found.filter(isAbove).length;
    return { engine, base, documents: found.length, above, refused, worst: found.slice(0, REPORTED) };
  } finally {
    await server.stop();
  }
}

async function asker(server, both, name) {
  const login = 'mutation ($n: String!, $p: String!) { login(input: { username: $n, password: $p }) { accessToken } }';
  const { login: tokens } = await server.graphql('', login, { n: name, p: PASSWORD });
  const data = await server.graphql(tokens.accessToken, POOLS);
  const tasks = data.tasks.nodes;
  const pools = {
    task: tasks.map(({ id }) => id),
    trash: [tasks[0].id, ...data.trash.nodes.map(({ id }) => id)],
    user: [data.viewer.id, ...new Set(tasks.flatMap(({ owner, assignee }) => [owner?.id, assignee?.id]).filter(Boolean))],
    // The seed has no files, and may have no notifications.
    attachment: [tasks[0].id, ...tasks.flatMap(({ attachments }) => attachments.map(({ id }) => id))],
    notification: [tasks[0].id, ...data.notifications.nodes.map(({ id }) => id)],
    taskCursor: data.tasks.edges.map(({ cursor }) => cursor),
  };
  const volatile = new Set(['Query.rateLimit']);
  const generator = new ExecutionGenerator(both, pools, { operations: { query: 1 }, volatile, scalars });
  return { name, token: tokens.accessToken, generator };
}

/** Expensive values: long pages, and words that many tasks have, few or none. */
function scalars(typeName, random, place) {
  if (typeName === 'Int') return ast.integer(random.pick([1, 5, 20, 50, 100]));
  if (/search/.test(place)) {
    const length = random.pick([1, 1, 1, 2, 4, 16]);
    return ast.string(Array.from({ length }, () => random.pick(WORDS)).join(' '));
  }
  if (typeName === 'DateTime') return ast.string(random.pick(MOMENTS));
  if (typeName === 'Date') return ast.string(random.pick(DAYS));
  return undefined;
}

/** A random operation with its sets of variables. */
function operation({ generator }, random) {
  const [first] = generator.generate(random);
  return first ? [first.query, [first.variables]] : [null, []];
}

async function baseOf(server, who) {
  const smallest = { who, query: '{ __typename }', variables: '{}' };
  const times = [];
  for (let round = 0; round < 20; round += 1) times.push(await busy(server, smallest));
  return Math.min(...times);
}

/** Milliseconds of processor time for each of several requests, of which some run at once. */
async function busy(server, { who, query, variables }) {
  let left = REPETITIONS;
  const before = processorTime(server);
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await ask(server, who, query, variables);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, client));
  return (processorTime(server) - before) / REPETITIONS;
}

async function ask(server, { token }, query, variables) {
  const body = `{"query":${JSON.stringify(query)},"variables":${variables ?? '{}'}}`;
  const response = await fetch(server.endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'graphql-cost': '1', ...bearer(token) },
    body,
  });
  const answer = JSON.parse(await response.text());
  return { points: answer.extensions?.cost?.requested, code: answer.errors?.[0]?.extensions?.code };
}

/** Milliseconds that the server and the database's processes have run so far. */
function processorTime({ pid, backends }) {
  const ofDatabase = backends ? readdirSync('/proc').filter((process) => backends.test(contents(`/proc/${process}/cmdline`))) : [];
  let nanoseconds = 0;
  for (const process of [pid, ...ofDatabase])
    for (const thread of threads(process)) {
      const time = contents(`/proc/${process}/task/${thread}/schedstat`);
      nanoseconds += Number(time.split(' ')[0]);
    }
  return nanoseconds / 1e6;
}

/** The process titles of PostgreSQL's connections to a database. */
const backendsOf = (database) => new RegExp(`^postgres: \\S+ ${new URL(database).pathname.slice(1)} `);

function threads(process) {
  try {
    return readdirSync(`/proc/${process}/task`);
  } catch {
    return [];
  }
}

/** The text of a file of a process; `0` if the process has ended. */
function contents(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '0';
  }
}

function write(results) {
  const lines = [
    '# Documents that take the most for their points',
    '',
    `Random queries over ${TASKS.toLocaleString('en')} tasks of ${USERS} users, seed ${SEED}. Processor time of a busy server and`,
    `its database, less that of the smallest query. A point may cost up to ${PER_POINT} microseconds.`,
    '`cargo xtask bench cost` repeats it.',
  ];
  for (const { engine, base, documents, above, refused, worst } of results) {
    lines.push('', `## ${engine}`, '');
    lines.push(`${documents} documents, ${above} of them above ${PER_POINT}; ${refused} more refused as too expensive or invalid; smallest query ${base.toFixed(2)} ms.`, '');
    lines.push('| us a point | points | ms | who | document |', '|---|---|---|---|---|');
    for (const { score: microseconds, points, milliseconds, who, query, variables } of worst) {
      const text = `${query.replaceAll(/\s+/g, ' ')} ${variables === '{}' ? '' : variables}`.replaceAll('|', '\\|').slice(0, 400);
      lines.push(`| ${microseconds.toFixed(1)} | ${points} | ${milliseconds.toFixed(1)} | ${who.name} | \`${text.replaceAll('`', "'")}\` |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

await main();
