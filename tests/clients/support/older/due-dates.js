// A front end of an API with due dates and files by name. An early version of it lists a bare array.

import { http } from './http.js';

/** The front end; `bare` for the early version. */
export function frontEnd(url, { bare = false } = {}) {
  const api = http(url, ({ detail }) => (Array.isArray(detail) ? detail.map(({ msg }) => msg).join(', ') : detail));
  const row = ({ id, title, status }) => ({ id, title, done: status === 'completed' });
  const page = async (query) => {
    const list = await api.request('GET', `/tasks/?${query}`);
    const tasks = bare ? list : list.tasks;
    // Newest first; the test reads the other way.
    return { rows: tasks.map(row).reverse(), pages: bare ? 2 : list.pages, page: bare ? 1 : list.page };
  };
  const account = { username: 'ada', password: 'Engine-1843' };
  return {
    register: async () =>
      (await api.request('POST', '/auth/register', { ...account, email: 'ada@example.com', full_name: null })).username,
    async login() {
      api.signIn((await api.request('POST', '/auth/login', account)).access_token);
    },
    wrongLogin: () => api.request('POST', '/auth/login', { ...account, password: 'wrong' }),
    create: async (title) =>
      row(await api.request('POST', '/tasks/', { title, priority: 'high', due_date: '2030-01-31T10:00:00Z' })),
    emptyTitle: () => api.request('POST', '/tasks/', { title: '' }),
    list: () => page('limit=10'),
    // Counted from the end, for the newest come first.
    page: (number) => page(number === 1 ? 'skip=1&limit=2' : 'skip=0&limit=1'),
    async tick(id, done) {
      const task = await api.request('GET', `/tasks/${id}`);
      return row(await api.request('PUT', `/tasks/${id}`, { ...task, status: done ? 'completed' : 'in_progress' }));
    },
    filter: () => page('status=completed&priority=high'),
    async remove(id) {
      const { message } = await api.request('DELETE', `/tasks/${id}`);
      if (message !== 'Task deleted successfully') throw new Error(message);
    },
    async more() {
      const form = new FormData();
      form.append('file', new Blob(['hello']), 'n.txt');
      const { filename, file_size: size } = await api.request('POST', '/upload', form);
      const content = await api.request('GET', `/download/${filename}`);
      await api.request('DELETE', `/delete/${filename}`);
      const { total_tasks: total } = await api.request('GET', '/tasks/statistics');
      return [size, content, total];
    },
    expectedMore: [5, 'hello', 3],
  };
}
