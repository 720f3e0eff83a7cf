// PostGraphile 5 on Grafserv: it derives its API from the tables.

import './older_node.js';

import { createServer } from 'node:http';

import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';

import * as common from './common.js';

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ pool: common.pool, schemas: ['public'] })],
  grafserv: { graphqlPath: '/graphql', graphiql: false, websockets: false, watch: false },
  // No access checks here: passing the viewer to PostgreSQL would cost another statement in each request.
  grafast: { explain: false, context: ({ node }) => ({ viewer: common.viewerOf(node.req) }) },
};

const served = postgraphile(preset);
const server = createServer();
await served.createServ(grafserv).addTo(server);
await served.getSchema();
server.listen(common.port, common.host);
