// Where the resuming clients run: in this process, and in pages of a browser. Both are the same object.

import WebSocket from 'ws';

import { browse } from '../browser.js';
import { bundle } from '../typescript.js';

/** Runs clients in this process. */
export async function inNode() {
  const { start } = await import('./clients.js');
  const running = new Map();
  return {
    start: async (name, config) => running.set(name, start(name, { ...config, settings: { webSocketImpl: WebSocket } })),
    seen: async (name) => running.get(name).seen,
    close: async () => running.forEach(({ stop }) => stop()),
  };
}

/** Runs clients in a page of the server. */
export async function inChromium(url) {
  const browser = await browse();
  const page = await openWith(browser, new URL('/livez', url), await bundle('resuming/clients.js', 'clients'));
  await page.evaluate(() => void (globalThis.running = new Map()));
  return {
    start: (name, config) =>
      page.evaluate(([name, config]) => void running.set(name, clients.start(name, config)), [name, config]),
    seen: (name) => page.evaluate((name) => running.get(name).seen, name),
    close: () => browser.close(),
  };
}

/** Opens a page and runs a script in it, whatever the content policy of the page allows. `owner` is a browser or one
 * of its contexts. */
export async function openWith(owner, url, script) {
  const page = await owner.newPage(owner.newContext ? { bypassCSP: true } : {});
  await page.goto(`${url}`);
  await page.addScriptTag({ content: script });
  return page;
}
