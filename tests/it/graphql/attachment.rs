//! Files of tasks, and personal files without a task.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};

/// The SHA-256 of "Grüße\n".
const SHA256: &str = "b1de61b8108f15d9913e0fa2e6371ed737fbe2be84e63a89ca8ae7a370322371";
const DELETE: &str = "mutation($id: ID!) { attachmentDelete(id: $id) { deletedId userErrors { code field message } } }";

/// Filenames of a task's files; `None` if the person cannot see the task.
async fn names(person: &Person<'_>, task: i64) -> Option<Vec<String>> {
    let query = "query($id: ID!) { task(id: $id) { attachments { filename } } }";
    let answer = person.graphql(query, json!({ "id": global_id("Task", task) })).await;
    let files = answer.data()["task"]["attachments"].as_array()?;
    let names = files.iter().map(|file| file["filename"].as_str().unwrap().to_owned());
    Some(names.collect())
}

async fn node(person: &Person<'_>, id: &Value) -> Value {
    let query = "query($id: ID!) { node(id: $id) { ... on Attachment { filename } } }";
    person.graphql(query, json!({ "id": id })).await.data()["node"].clone()
}

async fn delete(person: &Person<'_>, id: &Value) -> Answer {
    person.graphql(DELETE, json!({ "id": id })).await
}

async fn version(person: &Person<'_>, task: i64) -> Value {
    let query = "query($id: ID!) { task(id: $id) { version } }";
    person
        .graphql(query, json!({ "id": global_id("Task", task) }))
        .await
        .data()["task"]["version"]
        .clone()
}

#[tokio::test]
async fn a_file_is_kept_listed_found_and_deleted() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let file = ann.keeps(Some(task), "Grüße.TXT", "Grüße\n".as_bytes()).await;
    let id = file["id"].clone();
    let number = file["databaseId"].as_i64().unwrap();
    assert_eq!(id, global_id("Attachment", number));
    assert_eq!(
        file,
        json!({
            "id": id, "databaseId": number, "filename": "Grüße.TXT", "contentType": "text/plain", "size": 8,
            "sha256": SHA256, "createdAt": "2026-01-15T12:00:00+00:00", "owner": { "username": ann.name },
            "task": { "databaseId": task, "version": 2 },
        })
    );
    ann.keeps(Some(task), "b.pdf", b"%PDF-1.7").await;
    assert_eq!(names(&ann, task).await.unwrap(), ["Grüße.TXT", "b.pdf"]);
    assert_eq!(node(&ann, &id).await["filename"], "Grüße.TXT");
    let stored = app.stored_files();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|path| !path.contains("txt") && !path.contains("pdf")));
    let contents: Vec<Vec<u8>> = stored.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(contents.contains(&"Grüße\n".as_bytes().to_vec()));

    let answer = delete(&ann, &id).await;
    assert_eq!(
        answer.data()["attachmentDelete"],
        json!({ "deletedId": id, "userErrors": [] })
    );
    assert_eq!(names(&ann, task).await.unwrap(), ["b.pdf"]);
    assert_eq!(node(&ann, &id).await, Value::Null);
    assert_eq!(app.stored_files().len(), 1);
    assert_eq!(version(&ann, task).await, 4);
    let again = delete(&ann, &id).await;
    assert_eq!(again.user_error("attachmentDelete").0, "NOT_FOUND");
}

#[tokio::test]
async fn a_file_of_a_task_is_for_its_participants() {
    let app = TestApp::start().await;
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let task = ann
        .creates_task(json!({ "title": "Report", "assigneeId": bob.global_id() }))
        .await;
    let mut ids = Vec::new();
    for person in [&ann, &bob, &boss] {
        let file = person
            .keeps(Some(task), &format!("{}.txt", person.name), b"content")
            .await;
        ids.push(file["id"].clone());
    }
    let (before, stored) = (app.footprint().await, app.stored_files().len());
    for person in [&ann, &bob, &boss] {
        assert_eq!(names(person, task).await.unwrap().len(), 3);
        assert_ne!(node(person, &ids[0]).await, Value::Null);
    }
    assert_eq!(names(&eve, task).await, None);
    assert_eq!(node(&eve, &ids[0]).await, Value::Null);
    let refused = eve.uploads(Some(task), "e.txt", b"content").await;
    let (code, field, message) = refused.user_error("attachmentUpload");
    assert_eq!((code.as_str(), field.as_str()), ("NOT_FOUND", "input.taskId"));
    assert!(
        message.starts_with(&format!("There is no task with the id {}", global_id("Task", task))),
        "{message}"
    );
    let refused = delete(&eve, &ids[0]).await;
    let (code, field, _) = refused.user_error("attachmentDelete");
    assert_eq!((code.as_str(), field.as_str()), ("NOT_FOUND", "id"));
    for refused in [
        app.anonymous().uploads(Some(task), "n.txt", b"content").await,
        delete(&app.anonymous(), &ids[0]).await,
    ] {
        assert_eq!(refused.error_code(), "UNAUTHENTICATED", "{}", refused.text);
    }
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(stored).await;

    // Participants may delete each other's files.
    for (person, id) in [(&bob, &ids[0]), (&boss, &ids[1]), (&ann, &ids[2])] {
        delete(person, id).await.data();
    }
    assert_eq!(names(&ann, task).await.unwrap(), [""; 0]);
    // A former participant has no access to the files of the task, including their own.
    let own = bob.keeps(Some(task), "mine.txt", b"content").await["id"].clone();
    bob.changes_task("taskAssign", task, ", assigneeId: null").await;
    assert_eq!(node(&bob, &own).await, Value::Null);
    assert_eq!(delete(&bob, &own).await.user_error("attachmentDelete").0, "NOT_FOUND");
}

#[tokio::test]
async fn a_file_without_a_task_is_for_its_owner_and_administrators() {
    let app = TestApp::start().await;
    let (ann, eve, boss) = (app.member().await, app.member().await, app.admin().await);
    let file = ann.keeps(None, "own.txt", b"content").await;
    let id = &file["id"];
    assert_eq!(file["task"], Value::Null);
    assert_ne!(node(&ann, id).await, Value::Null);
    assert_ne!(node(&boss, id).await, Value::Null);
    assert_eq!(node(&eve, id).await, Value::Null);
    assert_eq!(delete(&eve, id).await.user_error("attachmentDelete").0, "NOT_FOUND");
    assert_eq!(app.stored_files().len(), 1);
    delete(&boss, id).await.data();
    assert_eq!(node(&ann, id).await, Value::Null);
    assert_eq!(app.stored_files(), [""; 0]);
    // A file without a task has no event.
    assert_eq!(
        app.database.number("SELECT COUNT(*) AS number FROM task_events").await,
        0
    );
}

#[tokio::test]
async fn files_of_a_task_in_the_trash_are_as_invisible_as_the_task() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let id = ann.keeps(Some(task), "a.txt", b"content").await["id"].clone();
    let change = |name: &str| {
        let query = format!("mutation($id: ID!) {{ {name}(id: $id) {{ userErrors {{ code }} }} }}");
        (query, json!({ "id": global_id("Task", task) }))
    };
    let (query, variables) = change("taskDelete");
    ann.graphql(&query, variables).await.data();
    for person in [&ann, &boss] {
        assert_eq!(node(person, &id).await, Value::Null);
        assert_eq!(delete(person, &id).await.user_error("attachmentDelete").0, "NOT_FOUND");
        let refused = person.uploads(Some(task), "b.txt", b"content").await;
        assert_eq!(refused.user_error("attachmentUpload").0, "NOT_FOUND");
    }
    assert_eq!(app.stored_files().len(), 1);
    let (query, variables) = change("taskRestore");
    ann.graphql(&query, variables).await.data();
    assert_ne!(node(&ann, &id).await, Value::Null);
    let (query, variables) = change("taskPurge");
    ann.graphql(&query, variables).await.data();
    assert_eq!(node(&ann, &id).await, Value::Null);
    assert_eq!(app.stored_files(), [""; 0]);
}

#[tokio::test]
async fn attaching_and_detaching_log_events_with_the_resulting_task() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .creates_task(json!({ "title": "Report", "assigneeId": bob.global_id() }))
        .await;
    let id = bob.keeps(Some(task), "a.txt", b"content").await["id"].clone();
    ann.keeps(Some(task), "b.txt", b"content").await;
    delete(&ann, &id).await.data();
    let events = app.events(task).await;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["CREATED", "ATTACHED", "ATTACHED", "DETACHED"]);
    let (attached, detached) = (&events[1], &events[3]);
    assert_eq!(
        (attached.actor_id, &attached.audience, attached.task["version"].as_i64()),
        (Some(bob.id), &json!([ann.id, bob.id]), Some(2))
    );
    assert_eq!(
        attached.changes,
        json!({ "attachments": { "from": [], "to": ["a.txt"] } })
    );
    assert_eq!((detached.actor_id, detached.previous_status), (Some(ann.id), Some(1)));
    assert_eq!(
        detached.changes,
        json!({ "attachments": { "from": ["a.txt", "b.txt"], "to": ["b.txt"] } })
    );
    // Names of objects in the storage stay internal.
    assert!(!attached.task.to_string().contains("storage"));

    let query = "query($id: ID!) { taskHistory(id: $id) { nodes { type changes { field before after } snapshot { version } } } }";
    let answer = ann.graphql(query, json!({ "id": global_id("Task", task) })).await;
    let node = &answer.data()["taskHistory"]["nodes"][1];
    assert_eq!(node["type"], "ATTACHED");
    assert_eq!(
        node["changes"],
        json!([{ "field": "attachments", "before": [], "after": ["a.txt"] }])
    );
    assert_eq!(node["snapshot"], json!({ "version": 2 }));
}

#[tokio::test]
async fn an_unacceptable_file_is_refused_with_what_is_allowed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let before = app.footprint().await;
    let long = format!("{}.txt", "x".repeat(252));
    for (filename, content, allowed) in [
        (
            "virus.exe",
            b"MZ".as_slice(),
            "file: 'virus.exe' does not have an allowed extension; allowed are txt, md, csv, json, pdf, png, jpg, jpeg, gif, webp, doc and docx",
        ),
        ("page.html", b"<p>", "'page.html' does not have an allowed extension"),
        ("report", b"%PDF-1.7", "'report' does not have an allowed extension"),
        (
            "report.pdf",
            b"MZ\x90\0\x03\0\0\0\x04\0",
            "file: the content of 'report.pdf' is not a PDF document, which its extension requires; allowed are txt,",
        ),
        ("a.png", b"<svg/>........", "'a.png' is not a PNG image"),
        (
            "a.txt",
            b"\x1b[2J",
            "'a.txt' is not text in UTF-8 without control characters",
        ),
        ("a.md", b"nul \0", "'a.md' is not text in UTF-8 without control"),
        (
            "a.csv",
            b"Gr\xfc\xdfe;1",
            "'a.csv' is not text in UTF-8 without control",
        ),
        ("a.json", b"{\"a\": 1", "'a.json' is not JSON in UTF-8"),
        ("a.webp", b"RIFF\x24\0\0\0WAVEfmt ", "'a.webp' is not a WebP image"),
        ("a.svg", b"<svg/>", "'a.svg' does not have an allowed extension"),
        (
            "a.docx",
            b"PK\x03\x04xl/workbook.xml",
            "'a.docx' is not a Word document",
        ),
        (
            "empty.txt",
            b"",
            "file: 'empty.txt' is empty; 1 to 5242880 bytes are allowed",
        ),
        ("", b"text", "file: the name '' names no file"),
        ("..", b"text", "file: the name '..' names no file"),
        ("a/../", b"text", "names no file"),
        (&long, b"text", "is 256 characters long; 1 to 255 are allowed"),
        ("a\u{202e}txt.exe", b"text", "contains control characters"),
    ] {
        for task in [Some(task), None] {
            let answer = ann.uploads(task, filename, content).await;
            let (code, field, message) = answer.user_error("attachmentUpload");
            assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.file"), "{message}");
            assert!(message.contains(allowed), "{message:?} does not say {allowed:?}");
            assert_eq!(answer.data()["attachmentUpload"]["attachment"], Value::Null);
        }
    }
    // The partial file is removed after the response.
    app.expect_stored_files(0).await;
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn each_type_that_is_allowed_is_kept_with_its_media_type() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (filename, content, media_type) in [
        ("a.txt", b"text".as_slice(), "text/plain"),
        ("a.md", b"# Title", "text/markdown"),
        ("a.CSV", b"a;b\r\n", "text/csv"),
        ("a.json", b"{\"a\": [1]}", "application/json"),
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        ("a.gif", b"GIF89a\x01\0\x01\0", "image/gif"),
        ("a.webp", b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "application/msword"),
    ] {
        let file = ann.keeps(None, filename, content).await;
        assert_eq!(file["contentType"], media_type, "{filename}");
    }
}

#[tokio::test]
async fn a_path_in_a_filename_is_cut_off() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (sent, kept) in [
        ("../../../etc/cron.txt", "cron.txt"),
        (r"C:\\Users\\ann\\notes.txt", "notes.txt"),
        ("日本語 (1).txt", "日本語 (1).txt"),
    ] {
        let file = ann.keeps(None, sent, b"text").await;
        assert_eq!(file["filename"], kept);
    }
    assert_eq!(app.stored_files().len(), 3);
}

#[tokio::test]
async fn a_task_has_up_to_20_files() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    for number in 0..20 {
        ann.keeps(Some(task), &format!("{number}.txt"), b"text").await;
    }
    let answer = ann.uploads(Some(task), "20.txt", b"text").await;
    let (code, field, message) = answer.user_error("attachmentUpload");
    assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.file"));
    assert_eq!(message, "file: the task would have 21 files; up to 20 are allowed");
    app.expect_stored_files(20).await;
}

#[tokio::test]
async fn files_go_with_their_owner_or_stay_with_the_task() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let shared = ann
        .creates_task(json!({ "title": "Ann's", "assigneeId": bob.global_id() }))
        .await;
    let own = bob.creates_task(json!({ "title": "Bob's" })).await;
    let kept = bob.keeps(Some(shared), "shared.txt", b"text").await["id"].clone();
    bob.keeps(Some(own), "own.txt", b"text").await;
    bob.keeps(None, "alone.txt", b"text").await;
    assert_eq!(app.stored_files().len(), 3);
    let answer = boss
        .graphql(
            "mutation($id: ID!) { userDelete(id: $id) { userErrors { code } } }",
            json!({ "id": bob.global_id() }),
        )
        .await;
    answer.data();
    assert_eq!(app.stored_files().len(), 1);
    let query = "query($id: ID!) { node(id: $id) { ... on Attachment { filename owner { username } } } }";
    let answer = ann.graphql(query, json!({ "id": kept })).await;
    assert_eq!(
        answer.data()["node"],
        json!({ "filename": "shared.txt", "owner": { "username": ann.name } })
    );
}

#[tokio::test]
async fn uploads_have_their_own_limit() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_UPLOAD_PER_MINUTE", "2")]).await;
    let ann = app.member().await;
    for _ in 0..2 {
        ann.keeps(None, "a.txt", b"text").await;
    }
    let answer = ann.uploads(None, "a.txt", b"text").await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (429, "RATE_LIMITED"));
    assert!(answer.error_message().contains("0 of 2 uploads"), "{}", answer.text);
    assert_eq!(app.stored_files().len(), 2);
}
