import { COLUMNS } from './columns.js';

const initials = (name) => name.split(/[\s._-]+/).map(([first]) => first?.toUpperCase()).slice(0, 2).join('');

/** A task. It can be dragged to a column, or moved by its menu. */
export function Card({ task, isSaving, drag, moveTo }) {
  return (
    <li
      aria-label={task.title}
      aria-busy={isSaving}
      draggable={!isSaving}
      onDragStart={() => drag(task)}
      onDragEnd={() => drag(null)}
    >
      <strong>{task.title}</strong>
      <footer>
        <span className={`priority ${task.priority}`}>{task.priority.toLowerCase()}</span>
        {task.tags.map((tag) => (
          <span key={tag} className="tag">
            {tag}
          </span>
        ))}
        {task.assignee && (
          <span className="person" title={task.assignee.displayName}>
            {initials(task.assignee.displayName)}
          </span>
        )}
        <select
          aria-label={`Move ${task.title}`}
          disabled={isSaving}
          value=""
          onChange={(event) => moveTo(task, event.target.value)}
        >
          <option value="" disabled>
            {isSaving ? 'Saving…' : 'Move to'}
          </option>
          {task.allowedTransitions.map((status) => (
            <option key={status} value={status}>
              {COLUMNS[status]}
            </option>
          ))}
        </select>
      </footer>
    </li>
  );
}
