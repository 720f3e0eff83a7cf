// A front end of an API with roles, `skip` and `limit`.

import { http } from './http.js';

/** The front end. */
export function frontEnd(url) {
  const api = http(`${url}/api/v1`, (body) => body.error.message);
  const row = ({ id, title, status }) => ({ id, title, done: status === 'done' });
  const page = async (query) => {
    const { tasks, total, skip, limit } = await api.request('GET', `/tasks?${query}`);
    return { rows: tasks.map(row), pages: Math.ceil(total / limit), page: skip / limit + 1 };
  };
  const account = { username: 'ada', password: 'Engine-1843' };
  return {
    async register() {
      const { user, access_token: token } = await api.request('POST', '/auth/register', {
        ...account,
        email: 'ada@example.com',
      });
      api.signIn(token);
      return user.username;
    },
    async login() {
      api.signIn((await api.request('POST', '/auth/login', account)).access_token);
    },
    wrongLogin: () => api.request('POST', '/auth/login', { ...account, password: 'wrong' }),
    create: async (title) => row(await api.request('POST', '/tasks', { title, description: '', status: 'todo' })),
    emptyTitle: () => api.request('POST', '/tasks', { title: '' }),
    list: () => page('skip=0&limit=10&sort_by=-created_at'),
    page: (number) => page(`skip=${(number - 1) * 2}&limit=2&sort_by=-created_at`),
    async tick(id, done) {
      const task = await api.request('GET', `/tasks/${id}`);
      return row(await api.request('PUT', `/tasks/${id}`, { ...task, status: done ? 'done' : 'in_progress' }));
    },
    filter: () => page('status=done'),
    remove: (id) => api.request('DELETE', `/tasks/${id}`),
  };
}
