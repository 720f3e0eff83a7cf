// The examples: their types, and the pages that show them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { transform } from 'esbuild';

import { workspace } from './support/server.js';

const folder = fileURLToPath(new URL('.', import.meta.url));

test('the examples pass the strict checks of TypeScript', () => {
  const tsc = join(folder, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(tsc, ['--project', folder], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test('the pages show every example word for word', () => {
  const pages = ['LIVE.md', 'FRONT-ENDS.md'].map((page) => readFileSync(join(workspace, 'docs', page), 'utf8')).join('');
  const shown = /^\[`([\w.-]+)`\]\(\.\.\/tests\/clients\/examples\/\1\):\n\n```ts\n(.*?)^```$/gms;
  const found = Object.fromEntries([...pages.matchAll(shown)].map(([, name, text]) => [name, text]));
  const names = readdirSync(join(folder, 'examples')).sort();
  const examples = names.map((name) => [name, readFileSync(join(folder, 'examples', name), 'utf8')]);
  assert.deepEqual(found, Object.fromEntries(examples));
});

test('every TypeScript snippet of the pages parses', async () => {
  const pages = readdirSync(join(workspace, 'docs')).filter((name) => name.endsWith('.md'));
  const snippets = pages.flatMap((page) => {
    const text = readFileSync(join(workspace, 'docs', page), 'utf8');
    return [...text.matchAll(/^( *)```ts\n(.*?)^\1```$/gms)].map(([, , snippet]) => ({ page, snippet }));
  });
  assert.ok(snippets.length > 10, `${snippets.length} snippets`);
  for (const { page, snippet } of snippets) {
    await assert.doesNotReject(transform(snippet, { loader: 'ts', logLevel: 'silent' }), `${page}:\n${snippet}`);
  }
});
