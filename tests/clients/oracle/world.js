// Data for the comparison of executions. Two new servers get equal rows with equal ids.

import { bearer } from '../support/server.js';
import { within } from '../support/wait.js';

import { UNLIMITED } from './taskwire.js';

/** Settings without limits that a run would reach. */
export const SETTINGS = {
  ...UNLIMITED,
  GRAPHQL_POINTS_PER_MINUTE: '2000000000',
  RATE_LIMIT_ENABLED: 'false',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
};

const TASKS = [
  {
    title: 'Fix the login page',
    description: 'The button "Log in" does nothing',
    priority: 'URGENT',
    tags: ['web', 'bug'],
    dueDate: '2099-01-01T00:00:00Z',
  },
  { title: 'Write the manual', priority: 'LOW', tags: ['docs'] },
  { title: 'Fix the build', status: 'DONE', tags: ['bug'] },
  { title: 'Plan the party \u{1F600}', dueDate: '2098-06-01T12:00:00.5Z' },
  { title: 'Call back', status: 'IN_PROGRESS', priority: 'HIGH' },
];

const FOUND = `{
  viewer { id }
  tasks(first: 100, filter: { includeDeleted: true }, orderBy: { field: ID }) {
    edges { cursor }
    nodes { id owner { id } attachments { id } deletedAt }
  }
  notifications(first: 100) { edges { cursor } nodes { id } }
}`;

/** Registers two users. */
export async function enroll(server, name) {
  const token = await server.registers(name);
  const friendToken = await server.registers(`${name}-friend`);
  const viewers = [
    await server.graphql(token, '{ viewer { id } }'),
    await server.graphql(friendToken, '{ viewer { id } }'),
  ];
  const [id, friendId] = viewers.map(({ viewer }) => viewer.id);
  return { server, token, friendToken, id, friendId };
}

/** Replaces the tasks of both users, and returns the ids and cursors. */
export async function populate(account) {
  const { server, token, friendToken, id, friendId } = account;
  await clear(account);
  const tasks = [];
  for (const input of TASKS)
    tasks.push(await server.createsTask(token, { ...input, assigneeId: tasks.length % 2 === 0 ? friendId : null }));
  const trash = await server.createsTask(token, { title: 'Obsolete' });
  await server.graphql(token, 'mutation ($id: ID!) { taskDelete(id: $id) { task { id } } }', { id: trash });
  await server.createsTask(friendToken, { title: 'Review the plan', assigneeId: id, tags: ['docs'] });
  await server.createsTask(friendToken, { title: 'Private' });
  await server.graphql(
    friendToken,
    'mutation ($id: ID!) { taskTransition(id: $id, status: IN_PROGRESS) { task { id } } }',
    { id: tasks[0] },
  );
  await upload(server, token, tasks[0]);
  return within('the notifications', pools(server, token, friendId));
}

/** Deletes all tasks of both users permanently. */
export async function clear({ server, token, friendToken }) {
  await purge(server, token);
  await purge(server, friendToken);
}

async function purge(server, token) {
  const { tasks } = await server.graphql(
    token,
    '{ tasks(first: 100, filter: { includeDeleted: true }) { nodes { id } } }',
  );
  if (tasks.nodes.length === 0) return;
  const purges = tasks.nodes.map(({ id }, at) => `t${at}: taskPurge(id: "${id}") { userErrors { code } }`);
  await server.graphql(token, `mutation { ${purges.join(' ')} }`);
}

async function upload(server, token, taskId) {
  const query =
    'mutation ($taskId: ID, $file: Upload!) { attachmentUpload(input: { taskId: $taskId, file: $file }) { attachment { id } userErrors { message } } }';
  const form = new FormData();
  form.set('operations', JSON.stringify({ query, variables: { taskId, file: null } }));
  form.set('map', JSON.stringify({ 0: ['variables.file'] }));
  form.set('0', new File(['Some text.\n'], 'notes.txt', { type: 'text/plain' }));
  const answer = await fetch(server.endpoint, {
    method: 'POST',
    headers: { ...bearer(token), 'graphql-preflight': '1' },
    body: form,
  });
  const { data, errors } = await answer.json();
  if (!data?.attachmentUpload.attachment) throw new Error(JSON.stringify(errors ?? data));
}

/** The ids and cursors that arguments use. */
async function pools(server, token, friend) {
  for (;;) {
    const { viewer, tasks, notifications } = await server.graphql(token, FOUND);
    // One for the assignment and one for the transition. They may be written later.
    if (notifications.nodes.length < 2) continue;
    return {
      task: tasks.nodes.filter(({ deletedAt }) => deletedAt === null).map(({ id }) => id),
      trash: tasks.nodes.filter(({ deletedAt }) => deletedAt !== null).map(({ id }) => id),
      user: [viewer.id, friend],
      attachment: tasks.nodes.flatMap(({ attachments }) => attachments.map(({ id }) => id)),
      notification: notifications.nodes.map(({ id }) => id),
      taskCursor: tasks.edges.map(({ cursor }) => cursor),
    };
  }
}
