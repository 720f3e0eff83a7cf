\set person random(:first_user, :last_user)
BEGIN;
INSERT INTO tasks (created_at, updated_at, title, description, status, priority, due_key, owner_id, version, title_key, search_text) VALUES (now(), now(), 'Measure the server', 'As often as it takes', 1, 3, '9999-12-31T23:59:59Z', :person, 1, 'measure the server', 'measure the server as often as it takes') RETURNING id AS task \gset
INSERT INTO task_events (task_id, type, actor_id, audience, status, changes, task, occurred_at) VALUES (:task, 'CREATED', :person, jsonb_build_array(:person::int), 1, '{}', '{"title": "Measure the server", "description": "As often as it takes", "status": "todo", "priority": "high", "due_date": null, "assignee_id": null, "version": 1, "tags": [], "attachments": [], "completed_at": null, "deleted_at": null, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}', now());
COMMIT;
