// A front end of an API with e-mail accounts and small tasks: they have no status, so a task is ticked off by its title.

import { http } from './http.js';

/** The front end. */
export function frontEnd(url) {
  const api = http(`${url}/api/v1`, (body) => body.detail);
  const row = ({ id, title, description }) => ({ id, title: title.replace('✓ ', ''), done: title.startsWith('✓'), description });
  const all = async () => (await api.request('GET', '/tasks?skip=0&limit=100')).tasks.map(row);
  const account = { email: 'ada@example.com', password: 'Engine-1843' };
  return {
    async register() {
      const user = await api.request('POST', '/auth/register', { ...account, full_name: '' });
      return user.full_name === '' ? 'ada' : user.full_name;
    },
    async login() {
      api.signIn((await api.request('POST', '/auth/login', account)).access_token);
      const me = await api.request('GET', '/auth/me');
      if (me.role !== 'user') throw new Error(`the role is ${me.role}`);
    },
    wrongLogin: () => api.request('POST', '/auth/login', { ...account, password: 'wrong' }),
    create: async (title) => row(await api.request('POST', '/tasks', { title, description: '' })),
    emptyTitle: () => api.request('POST', '/tasks', { title: '', description: '' }),
    list: async () => ({ rows: await all(), pages: 1, page: 1 }),
    async page(number) {
      const { tasks, total } = await api.request('GET', `/tasks?skip=${(number - 1) * 2}&limit=2`);
      return { rows: tasks.map(row), pages: Math.ceil(total / 2), page: number };
    },
    async tick(id, done) {
      const { title, description } = row(await api.request('GET', `/tasks/${id}`));
      return row(await api.request('PUT', `/tasks/${id}`, { title: done ? `✓ ${title}` : title, description }));
    },
    filter: async () => ({ rows: (await all()).filter(({ done }) => done), pages: 1, page: 1 }),
    remove: (id) => api.request('DELETE', `/tasks/${id}`),
  };
}
