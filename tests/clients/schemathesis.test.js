// The OpenAPI document against the server that wrote it: every request that the document allows, and many that it
// does not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';

import { serve, workspace } from './support/server.js';

const FOLDER = join(workspace, 'tests', 'schemathesis');
// The same requests each time. More examples find more: 200 were right when the document was written.
const SEED = '1';
const EXAMPLES = process.env.TASKWIRE_SCHEMATHESIS_EXAMPLES ?? '10';

// The canonical dialect, and one of an older API.
for (const dialect of ['taskwire', 'accounts']) describe(`The OpenAPI document of ${dialect}`, () => {
  let server;
  // What the server calls another service.
  const external = createServer((_, response) => response.end('{"answer": 42}'));

  before(async () => {
    external.listen(0, '127.0.0.1');
    await once(external, 'listening');
    server = await serve({
      REST_DIALECT: dialect,
      RATE_LIMIT_ENABLED: 'false',
      EXTERNAL_URL: `http://127.0.0.1:${external.address().port}/`,
    });
  });
  after(async () => {
    await server?.stop();
    external.close();
  });

  test('says what the server does', { timeout: 900_000 }, async () => {
    const answer = await fetch(`${server.url}/api/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: 'Admin123' }),
    });
    const { access_token: token } = await answer.json();
    // Signing out would leave the others without a token.
    const { code, output } = await schemathesis(`${server.url}/openapi.json`, [
      '--header',
      `Authorization: Bearer ${token}`,
      '--exclude-operation-id=logout',
      '--checks=all',
    ]);
    assert.equal(code, 0, output);
    assert.match(output, /Tested: [1-9]/);
    assert.doesNotMatch(server.log, / ERROR /);
  });

  test('says what signing out does', { timeout: 900_000 }, async () => {
    const { code, output } = await schemathesis(`${server.url}/openapi.json`, [
      '--include-operation-id=logout',
      '--checks=all',
    ]);
    assert.equal(code, 0, output);
  });
});

/** Runs schemathesis to its end, and gives what it prints. */
function schemathesis(document, options) {
  const program = process.env.TASKWIRE_SCHEMATHESIS;
  assert.ok(program, 'TASKWIRE_SCHEMATHESIS names no program; `cargo xtask test` installs one');
  const limits = ['--max-examples', EXAMPLES, '--seed', SEED, '--no-color', '--warnings=off'];
  const child = spawn(program, ['run', document, ...options, ...limits], {
    cwd: FOLDER,
    env: { ...process.env, HYPOTHESIS_STORAGE_DIRECTORY: join(workspace, 'target', 'hypothesis') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
