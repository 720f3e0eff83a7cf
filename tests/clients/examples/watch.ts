import { connect } from './resuming.ts';
import { Session, refresh, type Tokens } from './session.ts';

const url = process.env.TASKWIRE_URL ?? 'http://localhost:8000/graphql';
const [username, password] = process.argv.slice(2);

async function graphql(query: string, variables = {}, accessToken?: string): Promise<any> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`;
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  return data;
}

const { login } = await graphql(
  `mutation LogIn($input: LoginInput!) {
    login(input: $input) { accessToken refreshToken userErrors { message } }
  }`,
  { input: { username, password } },
);
if (login.userErrors.length > 0) throw new Error(login.userErrors[0].message);

// Here the tokens live as long as the program. A browser keeps them in `localStorage`.
let tokens: Tokens = login;
const store = { read: () => tokens, write: (renewed: Tokens) => void (tokens = renewed) };
const session = new Session(store, (refreshToken) => refresh(url, refreshToken));

/** Reads the cursor before the tasks: a change between the two comes as an event. */
async function load(): Promise<string> {
  const { eventCursor } = await graphql('{ eventCursor }', {}, session.accessToken);
  const { tasks } = await graphql('{ tasks { nodes { title status } } }', {}, session.accessToken);
  for (const { status, title } of tasks.nodes) console.log(status, title);
  console.log('Waiting for changes.');
  return eventCursor;
}

connect(url.replace('http', 'ws'), { session, load }).subscribe(
  {
    query: `subscription Events($after: String) {
      taskEvents(after: $after) { cursor type task { title status } }
    }`,
  },
  {
    next: ({ data }: any) => console.log(data.taskEvents.type, data.taskEvents.task?.status, data.taskEvents.task?.title),
    // The refresh token is no longer valid, or the request is wrong.
    error: (error) => console.error(error),
    complete: () => {},
  },
);
