import process from 'node:process';

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// Pages and API have one origin, so that the server needs no CORS_ORIGINS.
const proxy = { '/graphql': { target: process.env.TASKWIRE_URL ?? 'http://localhost:8000', ws: true } };

export default defineConfig({
  plugins: [react()],
  // The client that survives outages is outside this folder. It must use the packages of this one.
  resolve: { dedupe: ['@apollo/client', 'apollo-upload-client', 'graphql', 'graphql-ws', 'rxjs'] },
  server: { proxy, fs: { allow: ['.', '../../tests/clients/examples'] } },
  preview: { proxy },
});
