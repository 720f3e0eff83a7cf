// The Kanban board of examples/board, built as its README says, in two profiles of a real browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import process from 'node:process';

import { keepPicture, openProfile } from './support/browser.js';
import { serveWithOutages } from './support/outage.js';
import { PASSWORD, workspace } from './support/server.js';
import { preview, vite } from './support/vite.js';

const BOARD = join(workspace, 'examples/board');

const LOGIN = `
  mutation ($email: String!, $password: String!) {
    login(input: { email: $email, password: $password }) { accessToken user { id } }
  }
`;
const CREATE = `
  mutation ($input: TaskCreateInput!) {
    taskCreate(input: $input) { task { id } userErrors { message } }
  }
`;

describe('the board', () => {
  const profiles = mkdtempSync(join(tmpdir(), 'taskwire-board-'));
  let host;
  let site;
  const people = {};

  before(async () => {
    execFileSync(process.execPath, [vite(BOARD), 'build', '--logLevel', 'warn'], { cwd: BOARD, stdio: 'inherit' });
    host = await serveWithOutages();
    site = await preview(BOARD, { TASKWIRE_URL: host.server.url });
  });
  after(async () => {
    for (const [name, { profile, page }] of Object.entries(people)) {
      await keepPicture(page, `board-${name}`);
      await profile.close();
    }
    await site?.stop();
    await host?.stop();
    rmSync(profiles, { recursive: true, force: true });
  });

  /** Creates an account by the form of the board, in a new profile. */
  async function arrive(name, fullName) {
    const { profile, page, complaints } = await openProfile(join(profiles, name), site.url);
    people[name] = { profile, page };
    await page.getByRole('button', { name: 'I need an account' }).click();
    await page.getByLabel('Name').fill(fullName);
    await page.getByLabel('E-mail address').fill(`${name}@example.com`);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create account' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.evaluate(recordColumns);
    return { page, complaints };
  }

  /** Signs in by the API. */
  async function signIn(name) {
    const { login } = await host.server.graphql('', LOGIN, { email: `${name}@example.com`, password: PASSWORD });
    return { token: login.accessToken, id: login.user.id };
  }

  const column = (page, name) => page.getByRole('region', { name, exact: true });
  const card = (page, columnName, title) => column(page, columnName).getByRole('listitem', { name: title, exact: true });
  const drag = (page, title, from, to) => card(page, from, title).dragTo(column(page, to));
  const choose = (page, title, to) => page.getByLabel(`Move ${title}`).selectOption(to);
  const live = (page) => page.getByText('Live', { exact: true }).waitFor();

  test('two people move cards, and each sees the moves of the other across a restart of the server', async () => {
    const [ada, bob] = [await arrive('ada', 'Ada Lovelace'), await arrive('bob', 'Bob Bemer')];
    const [{ token }, { id: assigneeId }] = [await signIn('ada'), await signIn('bob')];
    for (const input of [
      { title: 'Write the notes', priority: 'HIGH', tags: ['release'] },
      { title: 'Call the printer', priority: 'URGENT', tags: ['office', 'phone'] },
      { title: 'Book a room', priority: 'LOW' },
    ]) {
      await host.server.graphql(token, CREATE, { input: { ...input, assigneeId } });
    }
    for (const { page } of [ada, bob]) await card(page, 'To do', 'Book a room').waitFor();
    await ada.page.getByLabel('New task').fill('Order lunch');
    await ada.page.getByRole('button', { name: 'Add' }).click();
    await card(ada.page, 'To do', 'Order lunch').waitFor();

    await drag(ada.page, 'Write the notes', 'To do', 'In progress');
    await card(bob.page, 'In progress', 'Write the notes').waitFor();
    assert.deepEqual([...ada.complaints, ...bob.complaints], []);

    await host.goAway();
    for (const { page } of [ada, bob]) await page.getByText('Reconnecting…').waitFor();
    // This move waits for the server, and the board shows it at once.
    await choose(bob.page, 'Call the printer', 'Done');
    await bob.page.locator('section.DONE li[aria-busy=true]').waitFor();
    await keepPicture(bob.page, 'board-server-away');
    await host.comeBack();
    for (const { page } of [ada, bob]) {
      await live(page);
      await card(page, 'Done', 'Call the printer').waitFor();
    }
    // The picture of README.md.
    await keepPicture(ada.page, 'board', { width: 1280, height: 380 });

    await drag(bob.page, 'Write the notes', 'In progress', 'Done');
    await card(ada.page, 'Done', 'Write the notes').waitFor();
    await bob.page.locator('li[aria-busy=true]').waitFor({ state: 'detached' });
    for (const [name, { page }] of Object.entries({ ada, bob })) {
      const own = name === 'ada' ? { 'Order lunch': ['To do'] } : {};
      // No card moved back or was shown twice.
      assert.deepEqual(await page.evaluate(() => window.columnsOf), {
        'Write the notes': ['To do', 'In progress', 'Done'],
        'Call the printer': ['To do', 'Done'],
        'Book a room': ['To do'],
        ...own,
      });
      assert.equal(await page.getByRole('listitem').count(), 3 + Object.keys(own).length);
    }
    // Each move was written once.
    const { tasks } = await host.server.graphql(token, '{ tasks(first: 10) { nodes { title version } } }');
    assert.deepEqual(Object.fromEntries(tasks.nodes.map(({ title, version }) => [title, version])), {
      'Write the notes': 3,
      'Call the printer': 2,
      'Book a room': 1,
      'Order lunch': 1,
    });

    await ada.page.reload();
    await live(ada.page);
    await bob.page.getByRole('button', { name: 'Sign out' }).click();
    await bob.page.getByLabel('E-mail address').fill('bob@example.com');
    await bob.page.getByLabel('Password').fill(PASSWORD);
    await bob.page.getByRole('button', { name: 'Sign in' }).click();
    for (const { page } of [ada, bob]) await card(page, 'Done', 'Call the printer').waitFor();
  });
});

/** In the page: records the columns in which each card is shown, in order. */
function recordColumns() {
  const columnsOf = (window.columnsOf = {});
  const look = () => {
    for (const column of document.querySelectorAll('main section')) {
      for (const { ariaLabel: title } of column.querySelectorAll('li')) {
        const columns = (columnsOf[title] ??= []);
        if (columns.at(-1) !== column.ariaLabel) columns.push(column.ariaLabel);
      }
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
}
