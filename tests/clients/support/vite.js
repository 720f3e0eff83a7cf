// Sites that Vite has built, as their visitors get them.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

import { within } from './wait.js';

const LISTENING = /http:\/\/[\w.]+:\d+/;

/** The path of the Vite of a folder. */
export const vite = (folder) => join(folder, 'node_modules/vite/bin/vite.js');

/** Serves what `vite build` has written in a folder, on a free port. */
export async function preview(folder, env) {
  const child = spawn(process.execPath, [vite(folder), 'preview', '--host', '127.0.0.1', '--port', '0'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const listening = new Promise((resolve) => {
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
      const found = LISTENING.exec(printed);
      if (found) resolve(found[0]);
    });
  });
  const failed = ended.then((code) => {
    throw new Error(`vite preview ended with ${code}`);
  });
  failed.catch(() => {}); // It ends when it is stopped.
  const url = await within('vite preview', Promise.race([listening, failed]));
  return {
    url,
    async stop() {
      process.off('exit', kill);
      child.kill();
      await ended;
    },
  };
}
