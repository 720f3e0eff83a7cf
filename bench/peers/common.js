// Code that the peers share: address, verification of tokens, and the statements of the hand-written peers.
// Their settings come from the environment: PORT, DATABASE_URL, SECRET_KEY and DATABASE_MAX_CONNECTIONS.

import { createVerifier } from 'fast-jwt';
import pg from 'pg';

export const host = '127.0.0.1';
export const port = Number(process.env.PORT);

export const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_MAX_CONNECTIONS),
});

const verify = createVerifier({
  key: process.env.SECRET_KEY,
  algorithms: ['HS256'],
  allowedIss: 'taskwire',
  allowedAud: 'taskwire',
});

/** The id of the user of a request; throws if the token is invalid. */
export function viewerOf(request) {
  const header = request.headers.authorization ?? '';
  if (!header.startsWith('Bearer ')) throw new Error('sign in first');
  return Number(verify(header.slice('Bearer '.length)).sub);
}

export const typeDefs = /* GraphQL */ `
  type User {
    databaseId: Int!
    username: String
    fullName: String
    ownedTasks(first: Int!): TaskConnection!
  }
  type Task {
    databaseId: Int!
    title: String!
    description: String
    status: String!
    priority: String!
    dueDate: String
    createdAt: String!
    updatedAt: String!
    owner: User!
    assignee: User
  }
  type TaskConnection { nodes: [Task!]! }
  type UserConnection { nodes: [User!]! }
  type TaskCreatePayload { task: Task! }
  input TaskCreateInput { title: String! description: String priority: String! }
  type Query {
    tasks(first: Int!): TaskConnection!
    task(id: Int!): Task
    users(first: Int!): UserConnection!
  }
  type Mutation { taskCreate(input: TaskCreateInput!): TaskCreatePayload! }
`;

const TASK = `id AS "databaseId", title, description, status, priority, due_date AS "dueDate",
  created_at AS "createdAt", updated_at AS "updatedAt", owner_id AS "ownerId", assignee_id AS "assigneeId"`;
const USER = 'id AS "databaseId", username, full_name AS "fullName"';

// A statement with a name is prepared once for each connection.
const statement = async (name, text, values) => (await pool.query({ name, text, values })).rows;

/** The newest tasks of a user. */
export const ownTasks = (user, first) =>
  statement('own', `SELECT ${TASK} FROM tasks WHERE owner_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, [user, first]);

/** One task of a user. */
export const task = async (user, id) =>
  (await statement('one', `SELECT ${TASK} FROM tasks WHERE id = $1 AND (owner_id = $2 OR assignee_id = $2)`, [id, user]))[0];

/** The first users. */
export const users = (first) => statement('users', `SELECT ${USER} FROM users ORDER BY created_at, id LIMIT $1`, [first]);

/** The users with these numbers, in their order. */
export async function usersByIds(ids) {
  const rows = await statement('by-ids', `SELECT ${USER} FROM users WHERE id = ANY($1)`, [ids]);
  const byId = new Map(rows.map((row) => [row.databaseId, row]));
  return ids.map((id) => byId.get(id) ?? null);
}

/** The newest tasks of each of the users, in their order. */
export async function tasksOfUsers(ids, first) {
  const rows = await statement(
    'of-users',
    `SELECT t.* FROM unnest($1::int[]) AS u(id)
     CROSS JOIN LATERAL (SELECT ${TASK} FROM tasks WHERE owner_id = u.id ORDER BY created_at DESC, id DESC LIMIT $2) AS t`,
    [ids, first],
  );
  const groups = new Map(ids.map((id) => [id, []]));
  for (const row of rows) groups.get(row.ownerId).push(row);
  return ids.map((id) => groups.get(id));
}

/** Creates a task. A trigger writes its event in the same transaction. */
export const createTask = async (user, { title, description, priority }) =>
  (
    await statement(
      'create',
      `INSERT INTO tasks (title, description, priority, owner_id) VALUES ($1, $2, $3, $4) RETURNING ${TASK}`,
      [title, description, priority, user],
    )
  )[0];
