use super::{NOT_FOUND, Noun, Rows, SIGNED_IN};

pub const NOUN: Noun = Noun {
    fields: &[
        ("taskHistory", "(id: TASK) { nodes { cursor } }", NOT_FOUND),
        ("eventCursor", "", SIGNED_IN),
        // Strangers may subscribe, but receive nothing: tests/it/delivery tests that.
        ("taskEvents", "{ cursor }", SIGNED_IN),
        ("taskStatusChanged", "(taskId: TASK) { cursor }", NOT_FOUND),
    ],
    rows: Some(Rows {
        name: "EVENT",
        fields: "cursor type occurredAt actor { id username } taskId previousStatus status \
                 changes { field before after } snapshot { taskId version title description status priority dueDate dueOn \
                   tags owner { userId displayName } assignee { userId displayName } createdAt updatedAt completedAt \
                   deletedAt }",
        queries: &[(
            "tasks(first: 50) { nodes { history(first: 9) { nodes { EVENT @ } } } }",
            "waits: task { id }",
        )],
    }),
    counts: &["SELECT COUNT(*) FROM task_events"],
    ..Noun::NONE
};
