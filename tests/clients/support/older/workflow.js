// A front end of an API with `page` and `per_page`, assignment and transitions.

import { http } from './http.js';

/** The front end. */
export function frontEnd(url) {
  const api = http(`${url}/api/v1`, ({ error }) => error.message);
  const row = ({ id, title, status, owner }) => {
    if (owner.email !== 'ada@example.com') throw new Error(`the owner is ${owner.email}`);
    return { id, title, done: status === 'done' };
  };
  const page = async (query) => {
    const { items, pagination } = await api.request('GET', `/tasks?${query}`);
    return { rows: items.map(row).reverse(), pages: pagination.total_pages, page: pagination.page };
  };
  const account = { email: 'ada@example.com', password: 'Engine-1843' };
  const move = (id, status) => api.request('POST', `/tasks/${id}/transition`, { target_status: status });
  return {
    async register() {
      const { access_token: token } = await api.request('POST', '/auth/register', { ...account, full_name: '' });
      api.signIn(token);
      return (await api.request('GET', '/auth/me')).email.split('@')[0];
    },
    async login() {
      api.signIn((await api.request('POST', '/auth/login', account)).access_token);
    },
    wrongLogin: () => api.request('POST', '/auth/login', { ...account, password: 'wrong' }),
    create: async (title) => row(await api.request('POST', '/tasks', { title, priority: 'medium', assignee_id: null })),
    emptyTitle: () => api.request('POST', '/tasks', { title: '' }),
    list: () => page('page=1&per_page=20'),
    // Counted from the end, for the newest come first.
    page: (number) => (number === 1 ? page('page=1&per_page=2') : page('page=2&per_page=2')),
    newestFirst: true,
    async tick(id, done) {
      if (done) await move(id, 'in_progress');
      return row(await move(id, done ? 'done' : 'todo'));
    },
    filter: () => page('status=done&priority=medium'),
    remove: (id) => api.request('DELETE', `/tasks/${id}`),
    async more() {
      const ids = (await page('page=1&per_page=20')).rows.map(({ id }) => id);
      const { successful, failed } = await api.request('POST', '/tasks/bulk-status', {
        task_ids: [...ids, 999].map(String),
        target_status: 'in_progress',
      });
      return [successful, failed];
    },
    expectedMore: [3, 1],
  };
}
