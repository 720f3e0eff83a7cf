// Sends invalid input and attacks for a while, and watches the server: it must run, answer no INTERNAL, and not grow.
//
// 32 connections send mutated documents, attack documents, the most expensive allowed documents, batches and broken
// JSON, with and without a token, by POST, GET and WebSocket. Meanwhile a user reads a list from time to time.
//
// Run it by `cargo xtask bench soak`. TASKWIRE_SOAK_SECONDS sets its length, TASKWIRE_SOAK_CLIENTS how many attack,
// TASKWIRE_ORACLE_SEED its documents. With TASKWIRE_SOAK_DEAREST=1 all are the most expensive allowed ones.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

import { parse } from 'graphql';
import { WebSocket } from 'ws';

import { DocumentGenerator } from '../oracle/documents.js';
import { print } from '../oracle/printer.js';
import { count, Random, seed } from '../oracle/random.js';
import { readSchema, references } from '../oracle/references.js';
import { mutateText } from '../oracle/text-mutations.js';
import { bearer, serve } from '../support/server.js';

const SEED = seed();
const SECONDS = count('TASKWIRE_SOAK_SECONDS', 1800);
const CLIENTS = count('TASKWIRE_SOAK_CLIENTS', 32);
const ONLY_DEAREST = process.env.TASKWIRE_SOAK_DEAREST === '1';
const PASSWORD = 'Password123';
/** The longest wait for an answer. */
const PATIENCE = 60_000;
/** Parts of the run, each of which has its mean memory in the report. */
const PARTS = 10;

const SETTINGS = {
  SECRET_KEY: '5f1dc9b2f0a84a7e9d7f0c1e6a3b8d2c4e6f8a0b',
  RATE_LIMIT_ENABLED: 'true',
  GRAPHQL_POINTS_PER_MINUTE: '4000000000',
  RATE_LIMIT_STRICT_PER_MINUTE: '1000000',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
};

const LIST = '{ tasks(first: 50) { nodes { id title status priority dueDate owner { id username } assignee { id username } } } }';

/** The most expensive allowed documents. */
const DEAREST = [
  '{ tasks(first: 100) { nodes { description owner { ownedTasks(first: 20) { nodes { description tags } } } } } }',
  '{ a: tasks(filter: { search: "th" }) { totalCount } b: tasks(filter: { search: "of re" }) { totalCount } }',
  '{ tasks(first: 100, filter: { or: [{ search: "zz" }, { tag: { all: ["a", "b", "c"] } }, { not: { search: "at" } }] }) { totalCount nodes { title } } }',
  '{ tasks(first: 100) { nodes { history(first: 20) { nodes { changes { field before after } } } } } }',
  '{ tasks(first: 100, orderBy: [{ field: TITLE }, { field: DUE_DATE, direction: DESC }]) { totalCount edges { node { description } } } }',
  '{ taskStatistics { total } tags(first: 100) { nodes { name taskCount } } }',
  '{ __schema { types { name fields { name args { name type { name ofType { name } } } type { name ofType { name ofType { name } } } } } } }',
];

const repeat = (text, times) => text.repeat(times);

/** Attack documents. */
const ATTACKS = [
  `{tasks(filter:${repeat('{and:[', 300)}${repeat(']}', 300)}){totalCount}}`,
  `query($a:TaskFilter=${repeat('{and:', 300)}1){viewer{id}}`,
  `query($a:${repeat('[', 5000)}Int){viewer{id}}`,
  repeat('{a', 20_000),
  repeat('{...{', 12_000),
  ...['{', '[', '(', '?', '#', '"', '@', '!', '$'].flatMap((character) => [repeat(character, 65_000), repeat(character, 1_000_000)]),
  `{${Array.from({ length: 100_000 }, (_, at) => `a${at}:viewer{id}`).join(' ')}}`,
  `{viewer(${Array.from({ length: 10_000 }, (_, at) => `a${at}:1`).join(',')}){id}}`,
  `{...f0}${Array.from({ length: 30 }, (_, at) => `fragment f${at} on Query{...f${at + 1} ...f${at + 1}}`).join('')}fragment f30 on Query{viewer{id}}`,
  '{...a} fragment a on Query{...b} fragment b on Query{...a}',
  `{node(id:"${repeat('\\u{1F600}', 7_000)}"){id}}`,
  `{node(id:"""${repeat('\n ', 30_000)}"""){id}}`,
];

const BODIES = [
  repeat('[', 500_000),
  `{"query":"{ viewer { id } }","variables":${repeat('{"a":', 100_000)}`,
  `{"query":"query($f: TaskFilter) { tasks(filter: $f) { totalCount } }","variables":{"f":${repeat('{"and":[', 60)}{}${repeat(']}', 60)}}}`,
  `{"query":${JSON.stringify(LIST)},"variables":{"x":[${repeat('0,', 400_000)}0]}}`,
  '{"query": 5}',
  'null',
  '',
];

class Figures {
  sent = 0;
  statuses = {};
  slowest = 0;
  slowestText = '';
  peak = 0;
  quiet = [];
  busy = [];
  /** 503 answers to the user who reads the list. */
  unavailable = 0;

  note(text, milliseconds, status, what) {
    this.sent += 1;
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (milliseconds > this.slowest) [this.slowest, this.slowestText] = [milliseconds, what];
    if (/"INTERNAL"/.test(text)) throw new Error(`INTERNAL for ${what}`);
    if (status >= 500 && status !== 503) throw new Error(`${status} for ${what}: ${text.slice(0, 300)}`);
  }
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'taskwire-soak-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const engines = [['SQLite', `sqlite:///${join(folder, 'tasks.db')}`]];
  if (process.env.TASKWIRE_COST_POSTGRES) engines.push(['PostgreSQL', process.env.TASKWIRE_COST_POSTGRES]);
  const only = process.env.TASKWIRE_SOAK_ENGINE;
  for (const [engine, database] of engines.filter(([name]) => !only || name === only)) await soak(engine, database);
}

async function soak(engine, database) {
  const settings = { ...SETTINGS, DATABASE_URL: database };
  const command = (...words) =>
    execFileSync(process.env.TASKWIRE_BINARY, words, { env: settings, stdio: ['ignore', 'ignore', 'inherit'] });
  command('migrate', 'up');
  command('seed', '--users', '100', '--tasks', process.env.TASKWIRE_SOAK_TASKS ?? '20000');
  const server = await serve(settings);
  const figures = new Figures();
  let watch;
  try {
    const token = async (name) => {
      const login = 'mutation ($n: String!, $p: String!) { login(input: { username: $n, password: $p }) { accessToken } }';
      return (await server.graphql('', login, { n: name, p: PASSWORD })).login.accessToken;
    };
    const attackers = [null, await token('user1'), await token('user2'), await token('user3')];
    const bystander = await token('user4');
    for (let round = 0; round < 60; round += 1) await list(server, bystander, figures, figures.quiet);
    const generator = new DocumentGenerator(references(readSchema())[16].schema, {});
    const until = performance.now() + SECONDS * 1000;
    const memories = [];
    watch = setInterval(() => memories.push(memoryOf(server)), 5_000);
    const clients = Array.from({ length: CLIENTS }, (_, at) => attack(server, attackers, generator, new Random(SEED + at), figures, until));
    const asking = (async () => {
      while (performance.now() < until) {
        await list(server, bystander, figures, figures.busy);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    })();
    await Promise.all([...clients, asking]);
    report(engine, figures, memories, memoryOf(server));
  } finally {
    clearInterval(watch);
    await server.stop();
  }
}

/** Measures the list of the user who does not attack. */
async function list(server, token, figures, times) {
  const began = performance.now();
  const response = await fetch(server.endpoint, post(JSON.stringify({ query: LIST }), token));
  const text = await response.text();
  if (response.status === 503) figures.unavailable += 1;
  else if (response.status !== 200 || !text.startsWith('{"data"'))
    throw new Error(`the list failed: ${response.status} ${text.slice(0, 300)}`);
  times.push(performance.now() - began);
}

const post = (body, token) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...bearer(token) },
  body,
  signal: AbortSignal.timeout(PATIENCE),
});

async function attack(server, attackers, generator, random, figures, until) {
  while (performance.now() < until) {
    const token = random.pick(attackers);
    const body = next(generator, random);
    const began = performance.now();
    try {
      if (random.chance(0.1)) await bySocket(server, token, body);
      else if (random.chance(0.1) && body.query && body.query.length < 6_000) {
        const response = await fetch(`${server.endpoint}?query=${encodeURIComponent(body.query)}`, {
          headers: bearer(token),
          signal: AbortSignal.timeout(PATIENCE),
        });
        figures.note(await response.text(), performance.now() - began, response.status, body.what);
      } else {
        const response = await fetch(server.endpoint, post(body.text, token));
        figures.note(await response.text(), performance.now() - began, response.status, body.what);
      }
    } catch (error) {
      // The server may close a connection before it has read a body that is too large.
      if (/INTERNAL|^5/.test(error.message) || (body.text?.length ?? 0) < 65_536) throw error;
    }
  }
}

/** A random request. */
function next(generator, random) {
  const kind = ONLY_DEAREST ? 0.3 : random.next();
  if (kind < 0.15) {
    const text = random.pick(BODIES);
    return { text, what: text.slice(0, 60) };
  }
  let query;
  if (kind < 0.3) query = random.pick(ATTACKS);
  else if (kind < 0.5) query = random.pick(DEAREST);
  else {
    query = print(generator.generate(random).document, random);
    if (kind < 0.85) for (let times = 1 + random.below(3); times > 0; times -= 1) query = mutateText(random, query);
    else if (/register|login|refresh|passwordChange/.test(query) || isMutation(query)) query = random.pick(DEAREST);
  }
  const one = { query, variables: {} };
  const text = JSON.stringify(random.chance(0.05) ? Array(10).fill(one) : one);
  return { text, query, what: query.slice(0, 80) };
}

function isMutation(query) {
  try {
    return parse(query).definitions.some(({ operation }) => operation === 'mutation');
  } catch {
    return false;
  }
}

/** Sends a document over a socket, and waits until it is answered or closed. */
function bySocket(server, token, { query }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(server.socket, 'graphql-transport-ws');
    const timer = setTimeout(() => reject(new Error('5: a socket was not answered')), PATIENCE);
    const end = () => {
      clearTimeout(timer);
      socket.terminate();
      resolve();
    };
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: token ? { token } : {} })));
    socket.on('message', (data) => {
      const message = JSON.parse(data);
      if (/"INTERNAL"/.test(data)) return reject(new Error(`INTERNAL over a socket for ${query?.slice(0, 80)}`));
      if (message.type === 'connection_ack') socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: query ?? 'x' } }));
      else if (message.type === 'ping') socket.send('{"type":"pong"}');
      else end();
      return undefined;
    });
    // An accepted subscription sends nothing.
    setTimeout(end, 2_000);
    socket.on('close', end);
    socket.on('error', end);
  });
}

/** The memory of the server in MB. */
function memoryOf(server) {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  const of = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)[1]) / 1024;
  // Mapped pages of a SQLite file count for each connection, and the system can reclaim them.
  return { now: of('RssAnon'), peak: of('VmHWM') };
}

function report(engine, figures, memories, last) {
  const at = (list, part) => list.toSorted((one, other) => one - other)[Math.floor((list.length - 1) * part)] ?? 0;
  const mean = (list) => list.reduce((sum, { now }) => sum + now, 0) / Math.max(1, list.length);
  const part = memories.length / PARTS;
  const byPart = Array.from({ length: PARTS }, (_, n) => mean(memories.slice(n * part, (n + 1) * part)).toFixed(0));
  process.stdout.write(
    [
      `${engine}: ${figures.sent} requests over HTTP by ${CLIENTS} clients in ${SECONDS} s, seed ${SEED}`,
      `  statuses ${JSON.stringify(figures.statuses)}`,
      `  slowest ${figures.slowest.toFixed(0)} ms: ${figures.slowestText}`,
      `  private memory by tenth of the time: ${byPart.join(', ')} MB, most ${Math.max(...memories.map(({ now }) => now)).toFixed(0)} MB; resident at most ${last.peak.toFixed(0)} MB`,
      `  a list beside it: p50 ${at(figures.quiet, 0.5).toFixed(1)} ms and p95 ${at(figures.quiet, 0.95).toFixed(1)} ms when quiet, p50 ${at(figures.busy, 0.5).toFixed(1)} ms and p95 ${at(figures.busy, 0.95).toFixed(1)} ms under attack; ${figures.unavailable} of ${figures.busy.length} answered 503`,
      '',
    ].join('\n'),
  );
}

await main();
process.exit(0);
