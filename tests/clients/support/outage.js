// A server that goes away and comes back, at the same address and with the same data.

import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PASSWORD, serve } from './server.js';

const SECRET_KEY = '2f0e6b7c9d1a4835b6c7e8f9a0b1c2d3e4f5a6b7';

/** Starts it. `server` is the one that runs now. */
export async function serveWithOutages(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'taskwire-outage-'));
  const all = { SECRET_KEY, DATABASE_URL: `sqlite:///${join(folder, 'taskwire.db')}`, ...settings };
  let server = await serve(all);
  const { port } = new URL(server.url);
  return {
    url: server.endpoint,
    get server() {
      return server;
    },
    goAway: () => server.stop(),
    async comeBack() {
      server = await serve({ ...all, SERVER_PORT: port });
    },
    async stop() {
      await server.stop().catch(() => {});
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Signs in once more, and returns both tokens of that session. */
export async function signIn(server, username) {
  const { login } = await server.graphql(
    '',
    'mutation ($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }',
    { input: { username, password: PASSWORD } },
  );
  return login;
}

/** The same access token with another end, in seconds from now. */
export function expiringIn(seconds, accessToken) {
  const [header, claims] = accessToken.split('.');
  const changed = { ...JSON.parse(Buffer.from(claims, 'base64url')), exp: Math.floor(Date.now() / 1000) + seconds };
  const signed = `${header}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}`;
  return `${signed}.${createHmac('sha256', SECRET_KEY).update(signed).digest('base64url')}`;
}
