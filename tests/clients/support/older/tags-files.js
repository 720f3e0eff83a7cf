// A front end of an API with `completed`, tags and files of tasks. Its later version lists pages.

import { http } from './http.js';

/** The front end; `paged` for the later version. */
export function frontEnd(url, { paged = false } = {}) {
  const api = http(url, ({ detail }) => detail);
  const row = ({ id, title, completed, created_at: created }) => {
    // It appends `Z` unless the text ends with one.
    if (Number.isNaN(Date.parse(created.endsWith('Z') ? created : `${created}Z`))) throw new Error(created);
    return { id, title, done: completed };
  };
  const page = async (query) => {
    const list = await api.request('GET', `/tasks?${query}`);
    const tasks = paged ? list.tasks : list;
    return { rows: tasks.map(row), pages: paged ? list.pages : 2, page: paged ? list.page : 1 };
  };
  const account = { username: 'ada', password: 'Engine-1843' };
  return {
    register: async () =>
      (await api.request('POST', '/auth/register', { ...account, email: 'ada@example.com' })).username,
    async login() {
      api.signIn((await api.request('POST', '/auth/login', account)).access_token);
    },
    wrongLogin: () => api.request('POST', '/auth/login', { ...account, password: 'wrong' }),
    // The form splits "a," at its comma.
    create: async (title) =>
      row(await api.request('POST', '/tasks', { title, priority: 'medium', due_date: '2030-01-31', tags: ['a', ''] })),
    emptyTitle: () => api.request('POST', '/tasks', { title: '' }),
    list: () => page('limit=10&skip=0&search='),
    page: (number) => page(`limit=2&skip=${(number - 1) * 2}`),
    async tick(id, completed) {
      const { due_date: due } = await api.request('PATCH', `/tasks/${id}`, { completed });
      if (due !== '2030-01-31') throw new Error(`the task is due on ${due}`);
      return row(await api.request('GET', `/tasks/${id}`));
    },
    filter: () => page(paged ? 'completed=true&tags=a' : 'completed=true&tag=a'),
    remove: (id) => api.request('DELETE', `/tasks/${id}`),
    async more() {
      const [{ id }] = (await page('limit=1')).rows;
      const form = new FormData();
      form.append('file', new Blob(['hello']), 'n.txt');
      const file = await api.request('POST', `/tasks/${id}/files`, form);
      const [{ original_filename: name }] = await api.request('GET', `/tasks/${id}/files`);
      const content = await api.request('GET', `/files/${file.id}`);
      await api.request('PATCH', `/tasks/${id}`, { due_date: '', tags: [] });
      const { incomplete } = await api.request('GET', '/tasks/stats');
      return [name, content, incomplete];
    },
    expectedMore: ['n.txt', 'hello', 3],
  };
}
