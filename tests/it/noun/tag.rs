use super::{NOT_FOUND, Noun, SIGNED_IN};

pub const NOUN: Noun = Noun {
    fields: &[
        ("tags", "{ nodes { name } }", SIGNED_IN),
        ("taskAddTags", r#"(id: TASK, tags: ["t"])"#, NOT_FOUND),
        ("taskRemoveTags", r#"(id: TASK, tags: ["a"])"#, NOT_FOUND),
    ],
    routes: &[
        ("POST /tasks/TASK/tags", r#"["t"]"#, NOT_FOUND),
        ("DELETE /tasks/TASK/tags/A", "", NOT_FOUND),
    ],
    counts: &["SELECT COUNT(*) FROM task_tags"],
    ..Noun::NONE
};
