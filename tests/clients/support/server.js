// The real binary in a new directory, over SQLite, on a free port.
//
// Every wait is for a condition and has a limit.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import process from 'node:process';

import { within } from './wait.js';

const LISTENING = /listening on (http:\/\/[\d.:]+)/;

/** A password that the server accepts. */
export const PASSWORD = 'Engine-1843';

/** The top of the workspace. */
export const workspace = fileURLToPath(new URL('../../../', import.meta.url));

/** The path of the binary. */
export function binary() {
  const built = join(process.env.CARGO_TARGET_DIR ?? join(workspace, 'target'), 'debug', 'taskwire');
  const path = process.env.TASKWIRE_BINARY ?? built;
  if (!existsSync(path)) {
    throw new Error(`there is no ${path}: run \`cargo build\`, or name another binary in TASKWIRE_BINARY`);
  }
  return path;
}

/** Starts a server, with these settings and no others. */
export async function serve(settings = {}) {
  const server = new Server(settings);
  try {
    await server.ready();
  } catch (error) {
    await server.stop().catch(() => {});
    throw error;
  }
  return server;
}

class Server {
  #folder = mkdtempSync(join(tmpdir(), 'taskwire-clients-'));
  #child;
  #ended;
  #listening;
  // Runs when this process ends, for any reason.
  #cleanUp = () => {
    this.#child?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  };

  /** Its log so far. */
  log = '';
  /** Its URL, such as `http://127.0.0.1:40123`. */
  url = '';

  constructor(settings) {
    process.once('exit', this.#cleanUp);
    const child = spawn(binary(), {
      cwd: this.#folder,
      // One test file registers more users than one address may in a minute.
      env: { SERVER_PORT: '0', RATE_LIMIT_STRICT_PER_MINUTE: '1000', ...settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => {
      child.once('error', resolve);
      child.once('exit', (code, signal) => resolve(code ?? signal));
    });
    child.stderr.setEncoding('utf8');
    this.#listening = new Promise((resolve) => {
      child.stderr.on('data', (text) => {
        this.log += text;
        const found = LISTENING.exec(this.log);
        if (found) resolve(found[1]);
      });
    });
  }

  /** Waits until it is ready. */
  async ready() {
    const ended = this.#ended.then((why) => {
      throw new Error(`the server ended (${why}):\n${this.log}`);
    });
    this.url = await within('the start of the server', Promise.race([this.#listening, ended]));
    const answer = await fetch(`${this.url}/readyz`);
    if (!answer.ok) throw new Error(`the server listens but is not ready: ${await answer.text()}`);
  }

  /** The id of its process. */
  get pid() {
    return this.#child.pid;
  }

  /** The URL of GraphQL. */
  get endpoint() {
    return `${this.url}/graphql`;
  }

  /** The URL of GraphQL over WebSocket. */
  get socket() {
    return this.endpoint.replace('http', 'ws');
  }

  /** Runs an operation and returns its data, for the preparation of a test. Errors throw. */
  async graphql(token, query, variables = {}) {
    const answer = await fetch(this.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(token) },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  }

  /** Creates an account, and returns its access token. */
  async registers(name) {
    const { register } = await this.graphql(
      '',
      `mutation ($input: RegisterInput!) {
        register(input: $input) { accessToken userErrors { message } }
      }`,
      { input: { email: `${name}@example.com`, username: name, password: PASSWORD } },
    );
    if (!register.accessToken) throw new Error(JSON.stringify(register.userErrors));
    return register.accessToken;
  }

  /** Creates a task, and returns its id. */
  async createsTask(token, input) {
    const { taskCreate } = await this.graphql(
      token,
      `mutation ($input: TaskCreateInput!) {
        taskCreate(input: $input) { task { id } userErrors { message } }
      }`,
      { input },
    );
    if (!taskCreate.task) throw new Error(JSON.stringify(taskCreate.userErrors));
    return taskCreate.task.id;
  }

  /** Stops it, and waits for its end. */
  async stop() {
    this.#child.kill('SIGTERM');
    try {
      const code = await within('the end of the server', this.#ended);
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${this.log}`);
    } finally {
      process.off('exit', this.#cleanUp);
      this.#cleanUp();
    }
  }
}

/** The header with the token, if there is one. */
export function bearer(token) {
  return token ? { authorization: `Bearer ${token}` } : {};
}

// Without a listener a signal ends this process at once, and its children continue to run.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.once(signal, () => process.exit(128 + number));
}
