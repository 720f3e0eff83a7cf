// Mercurius on Fastify, with its JIT compiler and its loaders.

import Fastify from 'fastify';
import mercurius from 'mercurius';

import * as common from './common.js';

const app = Fastify();
const iso = (field) => (row) => row[field]?.toISOString() ?? null;

await app.register(mercurius, {
  schema: common.typeDefs,
  jit: 1,
  graphiql: false,
  context: (request) => ({ viewer: common.viewerOf(request) }),
  resolvers: {
    Query: {
      tasks: async (_, { first }, { viewer }) => ({ nodes: await common.ownTasks(viewer, first) }),
      task: (_, { id }, { viewer }) => common.task(viewer, id),
      users: async (_, { first }) => ({ nodes: await common.users(first) }),
    },
    Mutation: {
      taskCreate: async (_, { input }, { viewer }) => ({ task: await common.createTask(viewer, input) }),
    },
    Task: { dueDate: iso('dueDate'), createdAt: iso('createdAt'), updatedAt: iso('updatedAt') },
  },
  loaders: {
    Task: {
      owner: (queries) => common.usersByIds(queries.map(({ obj }) => obj.ownerId)),
      assignee: (queries) => common.usersByIds(queries.map(({ obj }) => obj.assigneeId)),
    },
    User: {
      ownedTasks: async (queries) => {
        const lists = await common.tasksOfUsers(queries.map(({ obj }) => obj.databaseId), queries[0].params.first);
        return lists.map((nodes) => ({ nodes }));
      },
    },
  },
});

await app.listen({ host: common.host, port: common.port });
