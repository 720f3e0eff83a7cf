// GraphQL Yoga on the HTTP server of Node.js, with a DataLoader for each request.

import { createServer } from 'node:http';

import DataLoader from 'dataloader';
import { createSchema, createYoga } from 'graphql-yoga';

import * as common from './common.js';

const iso = (field) => (row) => row[field]?.toISOString() ?? null;

const schema = createSchema({
  typeDefs: common.typeDefs,
  resolvers: {
    Query: {
      tasks: async (_, { first }, { viewer }) => ({ nodes: await common.ownTasks(viewer, first) }),
      task: (_, { id }, { viewer }) => common.task(viewer, id),
      users: async (_, { first }) => ({ nodes: await common.users(first) }),
    },
    Mutation: {
      taskCreate: async (_, { input }, { viewer }) => ({ task: await common.createTask(viewer, input) }),
    },
    Task: {
      dueDate: iso('dueDate'),
      createdAt: iso('createdAt'),
      updatedAt: iso('updatedAt'),
      owner: ({ ownerId }, _, { usersById }) => usersById.load(ownerId),
      assignee: ({ assigneeId }, _, { usersById }) => (assigneeId === null ? null : usersById.load(assigneeId)),
    },
    User: {
      ownedTasks: async ({ databaseId }, { first }, { tasksOf }) => ({ nodes: await tasksOf(first).load(databaseId) }),
    },
  },
});

/** The loaders of one request: tasks have one for each page size. */
function loaders() {
  const bySize = new Map();
  const tasksOf = (first) => {
    if (!bySize.has(first)) bySize.set(first, new DataLoader((ids) => common.tasksOfUsers(ids, first)));
    return bySize.get(first);
  };
  return { usersById: new DataLoader((ids) => common.usersByIds(ids)), tasksOf };
}

const yoga = createYoga({
  schema,
  graphiql: false,
  landingPage: false,
  logging: false,
  context: ({ req }) => ({ viewer: common.viewerOf(req), ...loaders() }),
});

createServer(yoga).listen(common.port, common.host);
