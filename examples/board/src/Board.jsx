import { useMutation, useQuery } from '@apollo/client/react';
import { useEffect, useState } from 'react';

import { Card } from './Card.jsx';
import { COLUMNS } from './columns.js';
import { BOARD, CREATE, EVENTS, LOGOUT, MOVE } from './operations.js';

/** The board after an event. The cache has updated the card; here it enters or leaves the board. */
function withEvent(board, { taskId, task }) {
  const { nodes } = board.tasks;
  const isShown = task && !task.deletedAt;
  if (isShown && nodes.some(({ id }) => id === taskId)) return board;
  const others = nodes.filter(({ id }) => id !== taskId);
  return { ...board, tasks: { ...board.tasks, nodes: isShown ? [task, ...others] : others } };
}

export function Board({ isLive, leave }) {
  const { data, subscribeToMore } = useQuery(BOARD);
  const [create, { loading: isCreating }] = useMutation(CREATE);
  const [move] = useMutation(MOVE);
  const [logout] = useMutation(LOGOUT);
  const [dragged, setDragged] = useState(null);
  const [notice, setNotice] = useState('');
  // A move is saved when an event shows the version that it creates. Both by task.
  const [expected, setExpected] = useState({});
  const [arrived, setArrived] = useState({});
  const isSaving = ({ id }) => (expected[id] ?? 0) > (arrived[id] ?? 0);

  const after = data?.eventCursor;
  useEffect(() => {
    if (!after) return undefined;
    return subscribeToMore({
      document: EVENTS,
      variables: { after },
      updateQuery: (board, { subscriptionData }) => {
        const event = subscriptionData.data.taskEvents;
        setArrived((versions) => ({ ...versions, [event.taskId]: event.task?.version }));
        return withEvent(board, event);
      },
      onError: leave,
    });
  }, [after, subscribeToMore]);

  /** Runs a mutation of a task, and shows what is wrong. Gives the cursor of its event, if it changed anything. */
  const run = async (mutation) => {
    try {
      const [payload] = Object.values((await mutation).data);
      setNotice(payload.userErrors.map(({ message }) => message).join(' '));
      return payload.cursor;
    } catch ({ message }) {
      return setNotice(message);
    }
  };

  const add = async (form) => {
    if (await run(create({ variables: { title: form.title.value } }))) form.reset();
  };

  const moveTo = async (task, status) => {
    const version = task.version + 1;
    const expect = (value) => setExpected((versions) => ({ ...versions, [task.id]: value }));
    expect(version);
    const cursor = await run(
      move({
        variables: { id: task.id, status, expectedVersion: task.version },
        optimisticResponse: {
          taskTransition: {
            __typename: 'TaskTransitionPayload',
            cursor: null,
            task: { ...task, status, version },
            userErrors: [],
          },
        },
      }),
    );
    if (!cursor) expect(0);
  };

  if (!data) return <p className="notice">Loading…</p>;
  return (
    <>
      <header>
        <h1>Taskwire board</h1>
        <form onSubmit={(event) => (event.preventDefault(), add(event.currentTarget))}>
          <input name="title" aria-label="New task" placeholder="New task" maxLength={255} required />
          <button disabled={isCreating}>Add</button>
        </form>
        <span className={isLive ? 'live' : 'live away'}>{isLive ? 'Live' : 'Reconnecting…'}</span>
        <span>{data.viewer.displayName}</span>
        <button className="plain" onClick={() => logout().finally(leave)}>
          Sign out
        </button>
      </header>
      <p className="notice" role="status">
        {notice}
      </p>
      <main>
        {Object.entries(COLUMNS).map(([status, name]) => {
          const cards = data.tasks.nodes.filter((task) => task.status === status);
          const isOpen = dragged?.allowedTransitions.includes(status);
          return (
            <section
              key={status}
              aria-label={name}
              className={`${status} ${isOpen ? 'open' : ''}`}
              onDragOver={(event) => isOpen && event.preventDefault()}
              onDrop={() => (setDragged(null), moveTo(dragged, status))}
            >
              <h2>
                {name} <span>{cards.length}</span>
              </h2>
              <ul>
                {cards.map((task) => (
                  <Card key={task.id} task={task} isSaving={isSaving(task)} drag={setDragged} moveTo={moveTo} />
                ))}
              </ul>
            </section>
          );
        })}
      </main>
    </>
  );
}
