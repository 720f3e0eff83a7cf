// Records the requests of a client, so that a test can distinguish network and cache.

/** The operations of a body; in a form they are one of the fields. */
function operations(body) {
  return body instanceof FormData ? body.get('operations') : body;
}

/** A `fetch`, and the requests that it sent. */
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
