// What a small front end has around `fetch`: a base URL, a token, and errors with the text that it shows.

/** A client of an API at `base`. `errorText` reads the text of an error from its body. */
export function http(base, errorText) {
  let token;
  const request = async (method, path, body, headers = {}) => {
    const response = await fetch(base + path, {
      method,
      headers: {
        ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined || body instanceof FormData ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const kind = response.headers.get('content-type') ?? '';
    const data = kind.startsWith('application/json') ? JSON.parse(text) : text;
    if (!response.ok) {
      const shown = errorText(data);
      if (typeof shown !== 'string') throw new TypeError(`an error is no text: ${text}`);
      throw Object.assign(new Error(shown), { status: response.status });
    }
    return data;
  };
  return {
    request,
    signIn(accessToken) {
      if (typeof accessToken !== 'string') throw new TypeError('there is no access token');
      token = accessToken;
    },
  };
}
