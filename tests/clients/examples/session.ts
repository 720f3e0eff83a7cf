/** The refresh token does not count any more: the user has to sign in again. */
export class SignedOut extends Error {}

export interface Tokens {
  accessToken: string;
  refreshToken: string;
}

/** Keeps the tokens. All tabs of a browser share one store, such as `localStorage`. */
export interface TokenStore {
  read(): Tokens;
  write(tokens: Tokens): void;
}

/** The tokens of a signed-in user. Requests that find the access token expired share one refresh. */
export class Session {
  readonly #store: TokenStore;
  readonly #refresh: (refreshToken: string) => Promise<Tokens>;
  #renewal: Promise<void> | undefined;

  constructor(store: TokenStore, refresh: (refreshToken: string) => Promise<Tokens>) {
    this.#store = store;
    this.#refresh = refresh;
  }

  get accessToken(): string {
    return this.#store.read().accessToken;
  }

  /** Replaces an access token that the server has refused. Rejects with `SignedOut` if that is final. */
  renew(refused: string): Promise<void> {
    this.#renewal ??= exclusively(async () => {
      const { accessToken, refreshToken } = this.#store.read();
      // Another request or another tab may have replaced it already.
      if (accessToken === refused) this.#store.write(await this.#refresh(refreshToken));
    }).finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }
}

/** Runs in one tab at a time. A refresh token counts once: two tabs must not send the same one. */
async function exclusively(run: () => Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks;
  await (locks ? locks.request('taskwire-session', run) : run());
}

const REFRESH = `
  mutation Refresh($refreshToken: String!) {
    refresh(refreshToken: $refreshToken) {
      accessToken
      refreshToken
      userErrors { code message }
    }
  }
`;

/** Exchanges a refresh token at a server. Rejects when the server is away; a later attempt may succeed. */
export async function refresh(url: string, refreshToken: string): Promise<Tokens> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: REFRESH, variables: { refreshToken } }),
  });
  const { data, errors } = await response.json();
  const payload = data?.refresh;
  if (!payload) throw new Error(errors?.[0]?.message ?? `the refresh was answered with ${response.status}`);
  if (payload.userErrors.length > 0) throw new SignedOut(payload.userErrors[0].message);
  return payload;
}
