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
  // Chromium's sandbox refuses to run as root, and all pages are from the tested server. No proxy of this machine may be
  // used.
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-proxy-server'],
};
const VIEWPORT = { width: 1280, height: 900 };

/** Starts the browser. A missing browser is a failure. */
export function browse() {
  return chromium.launch(OPTIONS);
}

/** Starts a browser with a profile in a folder, and opens a site. */
export async function openProfile(folder, url) {
  const profile = await chromium.launchPersistentContext(folder, { ...OPTIONS, viewport: VIEWPORT });
  profile.setDefaultTimeout(PATIENCE);
  const page = await profile.newPage();
  const complaints = listen(page, { url });
  await page.goto(url);
  return { profile, page, complaints };
}

/** Opens a page of the server in a new profile. */
export async function visit(browser, server, path) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = listen(page, server);
  await page.goto(server.url + path);
  return { page, complaints };
}

/** Collects the errors of a page: console errors such as violations of the content policy, exceptions, failed requests, and
 * requests to other hosts. */
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

/** Replaces the text of an editor, as by the clipboard. */
export async function paste(editor, text) {
  await editor.locator('.CodeMirror-lines').first().click();
  await editor.page().keyboard.press('ControlOrMeta+A');
  await editor.page().keyboard.insertText(text);
}

/** The text of an editor. The page contains only the visible lines. */
export function content(editor) {
  return editor.evaluate((element) => element.CodeMirror.getValue());
}

/** Waits until an editor contains a text, and returns all of its text. */
export async function untilItHolds(editor, text) {
  const element = await editor.elementHandle();
  await editor.page().waitForFunction(([element, text]) => element.CodeMirror.getValue().includes(text), [element, text]);
  return content(editor);
}

/** Creates tasks until an editor shows an event. GraphiQL does not show when a subscription has begun. */
export async function createUntilReceived(server, token, editor) {
  const received = async () => (await content(editor)).includes('"taskEvents"');
  const creating = async () => {
    while (!(await received())) {
      await server.createsTask(token, { title: 'Live event' });
      // The browser needs processor time too.
      await pause(200);
    }
  };
  await within('an event in the browser', creating()).catch(async (error) => {
    await keepPicture(editor.page(), 'not-received');
    throw new Error(`${error.message}; the editor holds ${await content(editor)}`);
  });
  return content(editor);
}

/** Saves a picture of the page in `artefacts`, of the page in this size. */
export async function keepPicture(page, name, size = VIEWPORT) {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.setViewportSize(size);
  await page.screenshot({ path: `${ARTEFACTS}${name}.png` });
  await page.setViewportSize(VIEWPORT);
}
