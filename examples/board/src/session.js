import { Session, refresh } from '../../../tests/clients/examples/session.ts';

const STORED = 'taskwire-board';
/** The tokens of the signed-in user. A page that can run a foreign script can read them; serve none. */
const store = {
  read: () => JSON.parse(localStorage.getItem(STORED)),
  write: ({ accessToken, refreshToken }) => localStorage.setItem(STORED, JSON.stringify({ accessToken, refreshToken })),
};

/** The session of the user who signed in last; null if nobody is signed in. */
export function restore() {
  return store.read() && new Session(store, (refreshToken) => refresh('/graphql', refreshToken));
}

/** Signs in, or creates an account if `isNew`. */
export async function signIn(input, isNew) {
  const [field, type] = isNew ? ['register', 'RegisterInput'] : ['login', 'LoginInput'];
  const query = `mutation ($input: ${type}!) {
    ${field}(input: $input) { accessToken refreshToken userErrors { message } }
  }`;
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data, errors } = await response.json();
  const [wrong] = errors ?? data[field].userErrors;
  if (wrong) throw new Error(wrong.message);
  store.write(data[field]);
  return restore();
}

/** Forgets the tokens. The server ends the session when its refresh token expires. */
export function forget() {
  localStorage.removeItem(STORED);
}
