// The OpenAPI document against the server that wrote it: every request that the document allows, and many that it
// does not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';

import { serve, workspace } from './support/server.js';

const FOLDER = join(workspace, 'tests', 'schemathesis');
// The same requests each time. More examples find more: 200 were right when the document was written.
const SEED = '1';
const EXAMPLES = process.env.TASKWIRE_SCHEMATHESIS_EXAMPLES ?? '10';

// Dialects of older APIs, with commas. Each takes about 15 s, so CI checks the three that differ most. All of them are
// skip-limit, accounts, due-dates, due-dates-bare, tags-files, tags-files-paged and workflow.
const OLDER = (process.env.TASKWIRE_SCHEMATHESIS_DIALECTS ?? 'accounts,tags-files-paged,workflow').split(',');
// What differs between dialects: tasks and files. Random requests are left to the canonical dialect.
const DIFFERENT = [
  '--include-tag=tasks', '--include-tag=files', '--include-operation-id=register', '--phases=examples,coverage',
];

describe('The OpenAPI document', () => {
  // What the server calls another service.
  const external = createServer((_, response) => response.end('{"answer": 42}'));

  before(async () => {
    external.listen(0, '127.0.0.1');
    await once(external, 'listening');
  });
  after(() => external.close());

  /** Runs a server with a dialect, and schemathesis against it, as its administrator or without a token. */
  async function check(dialect, options, isSignedIn = true) {
    const server = await serve({
      REST_DIALECT: dialect,
      RATE_LIMIT_ENABLED: 'false',
      EXTERNAL_URL: `http://127.0.0.1:${external.address().port}/`,
    });
    try {
      const answer = await fetch(`${server.url}/api/v1/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-rest-dialect': 'taskwire' },
        body: JSON.stringify({ username: 'admin', password: 'Admin123' }),
      });
      const { access_token: token } = await answer.json();
      const header = isSignedIn ? ['--header', `Authorization: Bearer ${token}`] : [];
      const refused = dialect === 'taskwire' ? '409' : '400';
      await schemathesis(`${server.url}/openapi.json`, refused, [...header, ...options]);
      assert.doesNotMatch(server.log, / ERROR /);
    } finally {
      await server.stop();
    }
  }

  test('says what the server does', { timeout: 900_000 }, () =>
    // Signing out would leave the others without a token.
    check('taskwire', ['--exclude-operation-id=logout']));

  test('says what signing out does', { timeout: 900_000 }, () =>
    check('taskwire', ['--include-operation-id=logout'], false));

  describe('of an older API says what the server does', { concurrency: 2 }, () => {
    for (const dialect of OLDER) test(dialect, { timeout: 900_000 }, () => check(dialect, DIFFERENT));
  });
});

/** Runs schemathesis, which must find nothing. `refused` is the status of what a dialect refuses in its own way. */
async function schemathesis(document, refused, options) {
  const program = process.env.TASKWIRE_SCHEMATHESIS;
  assert.ok(program, 'TASKWIRE_SCHEMATHESIS names no program; `cargo xtask test` installs one');
  const limits = ['--checks=all', '--max-examples', EXAMPLES, '--seed', SEED, '--no-color', '--warnings=off'];
  const config = join(workspace, 'target', `schemathesis-${refused}.toml`);
  writeFileSync(config, readFileSync(join(FOLDER, 'schemathesis.toml'), 'utf8').replaceAll('${REFUSED}', refused));
  const child = spawn(program, ['--config-file', config, 'run', document, ...options, ...limits], {
    cwd: FOLDER,
    env: { ...process.env, HYPOTHESIS_STORAGE_DIRECTORY: join(workspace, 'target', 'hypothesis') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = () => child.kill('SIGKILL');
  process.once('exit', stop);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  process.off('exit', stop);
  assert.equal(code, 0, output);
  assert.match(output, /Tested: [1-9]/);
}
