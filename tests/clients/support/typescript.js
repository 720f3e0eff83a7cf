// Runs TypeScript: in Node.js by a hook of its loader, in a browser as one bundle. Nothing is checked here; typescript.test.js
// does that.

import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

// From here on `await import('./some.ts')` works.
register('./typescript-hook.js', import.meta.url);

/** A module and all that it imports as one script for a browser. Its exports are the properties of a global. */
export async function bundle(path, globalName) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(path, import.meta.url))],
    bundle: true,
    format: 'iife',
    globalName,
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"' },
    logLevel: 'error',
    write: false,
  });
  return outputFiles[0].text;
}
