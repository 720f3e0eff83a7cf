// Front ends of older APIs, written for their servers: register, log in, list, create, complete, filter, page and delete.
// Only the address differs.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { frontEnd as accounts } from './support/older/accounts.js';
import { frontEnd as dueDates } from './support/older/due-dates.js';
import { frontEnd as skipLimit } from './support/older/skip-limit.js';
import { frontEnd as tagsFiles } from './support/older/tags-files.js';
import { frontEnd as workflow } from './support/older/workflow.js';
import { serve } from './support/server.js';

const FRONT_ENDS = [
  ['skip-limit', skipLimit],
  ['accounts', accounts],
  ['due-dates', dueDates],
  ['due-dates-bare', (url) => dueDates(url, { bare: true })],
  ['tags-files', tagsFiles],
  ['tags-files-paged', (url) => tagsFiles(url, { paged: true })],
  ['workflow', workflow],
];

const titles = ({ rows }) => rows.map(({ title }) => title).join(',');

for (const [dialect, frontEnd] of FRONT_ENDS) {
  describe(`A front end of ${dialect}`, () => {
    let server;
    let app;

    before(async () => {
      server = await serve({ REST_DIALECT: dialect });
      app = frontEnd(server.url);
    });
    after(() => server?.stop());

    test('registers and logs in', async () => {
      assert.equal(await app.register(), 'ada');
      await assert.rejects(app.wrongLogin(), { status: 401 });
      await app.login();
    });

    test('creates tasks and lists them', async () => {
      assert.equal(titles(await app.list()), '');
      for (const title of ['First', 'Second', 'Third']) {
        const created = await app.create(title);
        assert.deepEqual([created.title, created.done], [title, false]);
      }
      assert.equal(titles(await app.list()), 'First,Second,Third');
      await assert.rejects(app.emptyTitle(), { status: 422 });
    });

    test('pages', async () => {
      const [first, second] = [await app.page(1), await app.page(2)];
      const expected = app.newestFirst ? ['Second,Third', 'First'] : ['First,Second', 'Third'];
      assert.deepEqual([titles(first), titles(second)], expected);
      assert.ok(first.pages >= 2, `${first.pages} pages`);
    });

    test('ticks a task off and opens it again', async () => {
      const [{ id }] = (await app.list()).rows;
      assert.equal(titles(await app.filter()), '');
      assert.equal((await app.tick(id, true)).done, true);
      assert.equal(titles(await app.filter()), 'First');
      assert.equal((await app.tick(id, false)).done, false);
      assert.equal(titles(await app.filter()), '');
    });

    test('does what else it is there for', async () => {
      if (app.more) assert.deepEqual(await app.more(), app.expectedMore);
    });

    test('deletes', async () => {
      for (const { id } of (await app.list()).rows) {
        await app.remove(id);
        await assert.rejects(app.remove(id), { status: 404 });
      }
      assert.equal(titles(await app.list()), '');
    });
  });
}
