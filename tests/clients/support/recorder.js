// Writes down what a client sends, so that a test can tell the network from a cache.

/** What is to be run, which stands beside the files if there are any. */
function operations(body) {
  return body instanceof FormData ? body.get('operations') : body;
}

/** A `fetch`, and what went through it. */
export function recorder() {
  const requests = [];
  return {
    requests,
    fetch: (url, options = {}) => {
      const { method = 'GET', body } = options;
      requests.push({ method, url: new URL(url), body: body ? JSON.parse(operations(body)) : undefined });
      return fetch(url, options);
    },
  };
}
