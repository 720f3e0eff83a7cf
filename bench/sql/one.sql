\set task random(:first_task, :last_task)
SELECT t.id, t.title, t.description, t.status, t.priority, t.due_date, t.created_at, t.updated_at, o.id, o.username, o.full_name, a.id, a.username, a.full_name FROM tasks t JOIN users o ON o.id = t.owner_id LEFT JOIN users a ON a.id = t.assignee_id WHERE t.id = :task AND t.deleted_at IS NULL;
