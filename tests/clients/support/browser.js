// A real browser, without a window.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

import { chromium } from 'playwright-core';

import { PATIENCE, within } from './wait.js';

const ARTEFACTS = fileURLToPath(new URL('../artefacts/', import.meta.url));

const OPTIONS = {
  executablePath: process.env.TASKWIRE_CHROMIUM ?? '/usr/bin/chromium',
  // Chromium's sandbox refuses to run as root, and the only pages here are our own. A proxy of this machine
  // must not come between.
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'],
};
const VIEWPORT = { width: 1280, height: 900 };

/** Starts the browser. One that is missing is a failure. */
export function browse() {
  return chromium.launch(OPTIONS);
}

/** Starts a browser with its own profile in a folder, and opens a site. */
export async function openProfile(folder, url) {
  const profile = await chromium.launchPersistentContext(folder, { ...OPTIONS, viewport: VIEWPORT });
  profile.setDefaultTimeout(PATIENCE);
  const page = await profile.newPage();
  const complaints = listen(page, { url });
  await page.goto(url);
  return { profile, page, complaints };
}

/** Opens a page of the server, as somebody does who was never there. */
export async function visit(browser, server, path) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = listen(page, server);
  await page.goto(server.url + path);
  return { page, complaints };
}

/** Collects all that is wrong with a page: what its console calls an error, such as a violation of the content
 * policy, what throws, what does not load, and what is not ours to ask. */
function listen(page, server) {
  const complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.stack}`));
  page.on('requestfailed', (request) => {
    complaints.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && origin !== server.url) complaints.push(`elsewhere: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`status ${response.status()}: ${response.url()}`);
  });
  return complaints;
}

/** Puts a text in the place of what an editor holds, as by the clipboard. */
export async function paste(editor, text) {
  await editor.locator('.CodeMirror-lines').first().click();
  await editor.page().keyboard.press('ControlOrMeta+A');
  await editor.page().keyboard.insertText(text);
}

/** What an editor holds. Its lines are on the page only as far as they are in view. */
export function content(editor) {
  return editor.evaluate((element) => element.CodeMirror.getValue());
}

/** Waits until an editor holds a text, and gives all that it holds. */
export async function untilItHolds(editor, text) {
  const element = await editor.elementHandle();
  await editor.page().waitForFunction(([element, text]) => element.CodeMirror.getValue().includes(text), [element, text]);
  return content(editor);
}

/** Creates tasks until an editor shows that one was heard of. Nothing says when a subscription has begun. */
export async function createUntilHeard(server, token, editor) {
  const heard = async () => (await content(editor)).includes('"taskEvents"');
  const creating = async () => {
    while (!(await heard())) {
      await server.createsTask(token, { title: 'Heard live' });
      // The browser has the same processor to work on.
      await pause(200);
    }
  };
  await within('an event in the browser', creating()).catch(async (error) => {
    await keepPicture(editor.page(), 'not-heard');
    throw new Error(`${error.message}; the editor holds ${await content(editor)}`);
  });
  return content(editor);
}

/** Keeps a picture of the page for people to look at. */
export async function keepPicture(page, name) {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: `${ARTEFACTS}${name}.png` });
}
