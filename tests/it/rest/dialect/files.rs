//! Files in the dialects that have them: early paths, missing names, deleted tasks, headers of downloads.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_tasks, expect_members, send, send_in, serve, upload};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

/// Creates a task with a file. Returns the path of the task and the response to the upload.
async fn attach(app: &TestApp, person: &Person<'_>) -> (String, Answer) {
    let created = create_tasks(app, person, "/tasks", &[json!({ "title": "T" })]).await;
    let task = format!("/tasks/{}", created[0]["id"]);
    let file = upload(person, &format!("{task}/files"), "n.txt", b"hello").await;
    assert_eq!(file.status, 201, "{}", file.text);
    (task, file)
}

#[tokio::test]
async fn the_early_path_of_a_file_works_as_the_current_one() {
    let app = serve("tags-files").await;
    let (ann, bob, nobody) = (app.member().await, app.member().await, app.anonymous());
    let (_, file) = attach(&app, &ann).await;
    let early = format!("/files/files/{}", file.at("/id"));
    let unknown = format!("{early}?x=1");
    let (_, signature) = file.at("/url").as_str().unwrap().split_once('?').unwrap();
    for (person, path) in [
        (&ann, early.clone()),
        (&ann, unknown.clone()),
        (&nobody, format!("{unknown}&{signature}")),
    ] {
        let answer = send(person, Method::GET, &path, Value::Null, 200).await;
        assert_eq!(answer.text, "hello", "{path}");
    }
    send(&nobody, Method::GET, &unknown, Value::Null, 401).await;
    send(&bob, Method::DELETE, &early, Value::Null, 404).await;
    let deleted = send(&ann, Method::DELETE, &unknown, Value::Null, 204).await;
    assert_eq!(deleted.text, "");
    send(&ann, Method::DELETE, &early, Value::Null, 404).await;
    send(&ann, Method::GET, &early, Value::Null, 404).await;
}

#[tokio::test]
async fn the_files_of_a_deleted_task_are_gone() {
    let app = serve("tags-files").await;
    let ann = app.member().await;
    let (task, file) = attach(&app, &ann).await;
    send(&ann, Method::DELETE, &task, Value::Null, 204).await;
    for path in [format!("/files/{}", file.at("/id")), format!("{task}/files")] {
        let answer = send(&ann, Method::GET, &path, Value::Null, 404).await;
        expect_members(&answer.body, "detail:text");
    }
}

#[tokio::test]
async fn a_file_name_that_the_user_does_not_have_is_a_404() {
    let app = serve("due-dates").await;
    let (ann, bob) = (app.member().await, app.member().await);
    assert_eq!(upload(&ann, "/upload", "n.txt", b"hello").await.status, 200);
    for (method, path) in [(Method::GET, "/download/n.txt"), (Method::DELETE, "/delete/n.txt")] {
        let answer = send(&bob, method, path, Value::Null, 404).await;
        expect_members(&answer.body, "detail:text");
    }
    let names = send(&bob, Method::GET, "/files", Value::Null, 200).await;
    assert_eq!(names.body, json!({ "files": [] }));
    send(&ann, Method::GET, "/download/n.txt", Value::Null, 200).await;
}

#[tokio::test]
async fn images_are_shown_and_other_files_saved() {
    let app = serve("due-dates").await;
    let ann = app.member().await;
    for (name, content, disposition, media_type) in [
        (
            "a.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(),
            "inline",
            "image/png",
        ),
        ("a.txt", b"hello", "attachment", "text/plain"),
        ("a.pdf", b"%PDF-1.7", "attachment", "application/pdf"),
    ] {
        assert_eq!(upload(&ann, "/upload", name, content).await.status, 200, "{name}");
        let file = send(&ann, Method::GET, &format!("/download/{name}"), Value::Null, 200).await;
        let given = file.header("content-disposition");
        assert!(given.starts_with(&format!("{disposition};")), "{name}: {given}");
        assert!(file.header("content-type").starts_with(media_type), "{name}");
    }
}

#[tokio::test]
async fn the_document_has_the_maximum_size_of_a_file() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (dialect, size) in [
        ("taskwire", "5 MiB"),
        ("due-dates", "5 MiB"),
        ("tags-files", "10 MiB"),
        ("tags-files-paged", "10 MiB"),
    ] {
        let document = send_in(dialect, &nobody, Method::GET, "/openapi.json", Value::Null, 200).await;
        let described = |pointer: &str| document.at(pointer)["description"].as_str().unwrap().to_owned();
        for path in ["~1tasks~1{id}~1files", "~1upload"] {
            let refusal = described(&format!("/paths/~1api~1v1{path}/post/responses/413"));
            assert_eq!(refusal, format!("The file is larger than {size}"), "{dialect}: {path}");
        }
        let file = described("/components/schemas/Upload/properties/file");
        assert!(file.contains(&format!("up to {size};")), "{dialect}: {file}");
    }
}
