use serde_json::json;
use taskwire::domain::id::AttachmentId;
use taskwire::domain::policy::{DeleteFile, FILE_ACTIONS, File, Files, KeepFile, Own};

use super::{Id, NOT_FOUND, Noun, Prepared, Rows, SIGNED_IN};
use crate::policy::OWNER;
use crate::support::person::Person;

const FORM: &str = "--between-parts\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n\
                    x\r\n--between-parts--\r\n";

pub const NOUN: Noun = Noun {
    prepare,
    fields: &[
        (
            "attachmentUpload",
            r#"(input: {taskId: TASK, file: "upload:0"})"#,
            (Some("UNAUTHENTICATED"), Some("INVALID")),
        ),
        ("attachmentDelete", "(id: FILE)", NOT_FOUND),
    ],
    routes: &[
        ("POST /tasks/TASK/files", FORM, NOT_FOUND),
        ("GET /tasks/TASK/files", "", NOT_FOUND),
        ("GET /files", "", SIGNED_IN),
        ("GET /files/FILE", "", NOT_FOUND),
        ("DELETE /files/FILE", "", NOT_FOUND),
        ("POST /upload", FORM, SIGNED_IN),
        ("GET /download/OWN.txt", "", NOT_FOUND),
        ("DELETE /delete/OWN.txt", "", NOT_FOUND),
    ],
    actions: |matrix| {
        let file = File {
            id: AttachmentId(1),
            owner: OWNER,
        };
        matrix.heading("FILES WITHOUT A TASK");
        matrix.action("", KeepFile, &Own::of(OWNER));
        matrix.action("", DeleteFile, &file);
    },
    rules: &[FILE_ACTIONS],
    scopes: |matrix| matrix.visible::<Files>("Files"),
    rows: Some(Rows {
        name: "ATTACHMENT",
        fields: "id databaseId filename contentType size sha256 createdAt owner { id } task { title }",
        queries: &[(
            "tasks(first: 50) { nodes { attachments { ATTACHMENT @ } } }",
            "waits: url",
        )],
    }),
    counts: &["SELECT COUNT(*) FROM attachments"],
    ..Noun::NONE
};

fn prepare<'a>(owner: &'a Person<'a>, _: &'a Person<'a>) -> Prepared<'a> {
    Box::pin(async move {
        let task = owner.creates_task(json!({ "title": "With a file" })).await;
        let file = owner.keeps(Some(task), "kept.txt", b"kept").await;
        owner.keeps(None, "OWN.txt", b"own").await;
        vec![Id::new("FILE", "Attachment", file["databaseId"].as_i64().unwrap())]
    })
}
