// Somebody else who changes tasks, by both APIs. Their answers reach no cache under test.

import { bearer } from '../server.js';

const CREATE = `
  mutation ($input: TaskCreateInput!) {
    taskCreate(input: $input) { task { id databaseId } userErrors { message } }
  }
`;
const TRANSITION = `
  mutation ($id: ID!, $status: TaskStatus!) {
    taskTransition(id: $id, status: $status) { task { id } userErrors { message } }
  }
`;
const ASSIGN = `
  mutation ($id: ID!, $assigneeId: ID) {
    taskAssign(id: $id, assigneeId: $assigneeId) { task { id } userErrors { message } }
  }
`;
const PRIORITISE = `
  mutation ($ids: [ID!]!, $priority: TaskPriority!) {
    tasksBulkUpdate(ids: $ids, input: { priority: $priority }) { successful failed userErrors { message } }
  }
`;
const STATUSES = ['TODO', 'IN_PROGRESS', 'DONE'];
const PRIORITIES = ['LOW', 'MEDIUM', 'HIGH', 'URGENT'];

/** Changes the tasks of a user in rounds. Every change is an event and a version. */
export class Writer {
  #server;
  #token;
  #colleague;
  #tasks = [];
  #rounds = 0;

  constructor(server, token, colleague) {
    this.#server = server;
    this.#token = token;
    this.#colleague = colleague;
  }

  /** Creates tasks, and gives their global ids. */
  async create(count) {
    for (let number = 1; number <= count; number += 1) {
      const input = { title: `Card ${number}`, priority: 'URGENT' };
      const { task } = await this.#mutate('taskCreate', CREATE, { input });
      this.#tasks.push({ ...task, moves: 0 });
    }
    return this.#tasks.map(({ id }) => id);
  }

  /** Changes every task five times: all at once, then each on its own, side by side. Gives the number of changes. */
  async round() {
    const round = (this.#rounds += 1);
    const ids = this.#tasks.map(({ id }) => id);
    const priority = PRIORITIES[round % PRIORITIES.length];
    const { failed } = await this.#mutate('tasksBulkUpdate', PRIORITISE, { ids, priority });
    if (failed > 0) throw new Error(`${failed} tasks were not changed`);
    await Promise.all(this.#tasks.map((task) => this.#changeAlone(task, round)));
    return ids.length * 5;
  }

  async #changeAlone(task, round) {
    await this.#patch(task, { title: `Card ${task.databaseId}, round ${round}` });
    await this.#move(task);
    const assigneeId = round % 2 ? this.#colleague : null;
    await this.#mutate('taskAssign', ASSIGN, { id: task.id, assigneeId });
    await this.#move(task);
  }

  /** Moves a task along the workflow, by one API and the other in turn. */
  async #move(task) {
    const status = STATUSES[(task.moves += 1) % STATUSES.length];
    if (task.moves % 2) await this.#mutate('taskTransition', TRANSITION, { id: task.id, status });
    else await this.#patch(task, { status: status.toLowerCase() });
  }

  async #mutate(field, document, variables) {
    const { [field]: payload } = await this.#server.graphql(this.#token, document, variables);
    if (payload.userErrors.length > 0) throw new Error(`${field}: ${JSON.stringify(payload.userErrors)}`);
    return payload;
  }

  async #patch(task, changes) {
    const answer = await fetch(`${this.#server.url}/api/v1/tasks/${task.databaseId}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json', ...bearer(this.#token) },
      body: JSON.stringify(changes),
    });
    if (!answer.ok) throw new Error(`PATCH ${JSON.stringify(changes)}: ${await answer.text()}`);
  }
}
