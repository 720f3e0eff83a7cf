//! Files of tasks, and personal files without a task, through REST.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task, delete, expect_refusal, expect_status, get};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;

const DIGEST: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// A form with a file with the content `0123456789`.
fn digits(name: &str) -> Vec<u8> {
    Form::default().file("file", name, b"0123456789").end()
}

async fn send(person: &Person<'_>, path: &str, form: Vec<u8>) -> Answer {
    let request = person.request(Method::POST, path).header("content-type", CONTENT_TYPE);
    person.send(request.body(form.into()).unwrap()).await
}

async fn get_with(person: &Person<'_>, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = person.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    person.send(request.body(Vec::new().into()).unwrap()).await
}

async fn task_of(person: &Person<'_>) -> Value {
    create_task(person, json!({ "title": "Report" })).await["id"].clone()
}

#[tokio::test]
async fn a_file_of_a_task_is_stored_listed_read_and_deleted() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let task = task_of(&ann).await;
    let files = format!("/api/v1/tasks/{task}/files");
    assert_eq!(
        expect_status(get(&ann, &files).await, 200).body,
        json!({ "items": [], "total": 0 })
    );
    let created = expect_status(send(&ann, &files, digits("Grüße.txt")).await, 201);
    let url = format!("/api/v1/files/{}", created.at("/id"));
    assert_eq!(
        created.body,
        json!({ "id": created.at("/id"), "task_id": task, "owner_id": ann.id, "filename": "Grüße.txt",
            "content_type": "text/plain", "size": 10, "sha256": DIGEST, "created_at": "2026-01-15T12:00:00Z",
            "url": created.at("/url"), "original_filename": "Grüße.txt", "file_size": 10,
            "uploaded_at": "2026-01-15T12:00:00Z", "file_path": url })
    );
    assert_eq!(created.header("location"), url);
    let second = expect_status(send(&ann, &format!("/tasks/{task}/files/"), digits("b.txt")).await, 201);
    let list = expect_status(get(&ann, &files).await, 200).body;
    assert_eq!(list, json!({ "items": [created.body, second.body], "total": 2 }));
    assert_eq!(get(&ann, &format!("/tasks/{task}")).await.at("/version"), 3);

    let whole = expect_status(get(&ann, &url).await, 200);
    assert_eq!(whole.text, "0123456789");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-length", "10"),
        (
            "content-disposition",
            "attachment; filename=\"Gr__e.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt",
        ),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "private, no-cache"),
        ("etag", &format!("\"{DIGEST}\"")),
    ] {
        assert_eq!(whole.header(name), value);
    }
    let head = expect_status(ann.rest(Method::HEAD, &url, Value::Null).await, 200);
    assert_eq!((head.text.as_str(), head.header("content-length")), ("", "10"));

    for path in [&url, &files] {
        expect_refusal(&get(&eve, path).await, (404, "NOT_FOUND", ""), "you may not see it");
    }
    expect_refusal(
        &send(&eve, &files, digits("a.txt")).await,
        (404, "NOT_FOUND", ""),
        "you may not see it",
    );
    expect_refusal(&delete(&eve, &url).await, (404, "NOT_FOUND", ""), "you may not see it");
    expect_status(delete(&ann, &url).await, 204);
    expect_refusal(&get(&ann, &url).await, (404, "NOT_FOUND", ""), "There is no attachment");
    assert_eq!(get(&ann, &files).await.at("/total"), 1);
    assert_eq!(app.stored_files().len(), 1);
    // Files of a task in the trash are as invisible as the task.
    expect_status(delete(&ann, &format!("/tasks/{task}")).await, 204);
    expect_status(get(&ann, &files).await, 404);
    expect_status(get(&ann, second.at("/url").as_str().unwrap()).await, 404);
}

#[tokio::test]
async fn files_support_ranges_and_conditional_requests() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let url = send(&ann, "/upload", digits("a.txt"))
        .await
        .at("/url")
        .as_str()
        .unwrap()
        .to_owned();
    let (tag, weak) = (format!("\"{DIGEST}\""), format!("W/\"{DIGEST}\", \"other\""));
    for (range, bytes, content_range) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-4", "6789", "bytes 6-9/10"),
        ("bytes=9-100", "9", "bytes 9-9/10"),
    ] {
        let part = expect_status(get_with(&ann, &url, &[("range", range)]).await, 206);
        assert_eq!(
            (part.text.as_str(), part.header("content-range")),
            (bytes, content_range)
        );
        assert_eq!(part.header("content-length"), bytes.len().to_string());
        assert_eq!(part.header("etag"), tag);
    }
    let beyond_end = get_with(&ann, &url, &[("range", "bytes=10-")]).await;
    expect_refusal(&beyond_end, (416, "RANGE_NOT_SATISFIABLE", ""), "the file has 10 bytes");
    assert_eq!(beyond_end.header("content-range"), "bytes */10");
    for headers in [
        &[("range", "bytes=0-1,3-4")][..],
        &[("range", "bytes=0-1"), ("if-range", "\"other\"")],
        &[("if-none-match", "\"other\"")],
    ] {
        let whole = expect_status(get_with(&ann, &url, headers).await, 200);
        assert_eq!((whole.text.as_str(), whole.header("content-range")), ("0123456789", ""));
    }
    let part = get_with(&ann, &url, &[("range", "bytes=0-1"), ("if-range", &tag)]).await;
    assert_eq!(expect_status(part, 206).text, "01");
    for known in [tag.as_str(), &weak, "*"] {
        let answer = expect_status(get_with(&ann, &url, &[("if-none-match", known)]).await, 304);
        assert_eq!((answer.text.as_str(), answer.header("etag")), ("", tag.as_str()));
    }
}

#[tokio::test]
async fn a_personal_file_is_found_by_its_name_and_the_newest_counts() {
    let app = TestApp::start().await;
    let (ann, eve, root) = (app.member().await, app.member().await, app.admin().await);
    let name = "100% fertig? ja/nein.txt";
    let kept = "nein.txt";
    let created = expect_status(send(&ann, "/api/v1/upload", digits(name)).await, 201);
    assert_eq!(
        (created.at("/filename"), created.at("/task_id")),
        (&json!(kept), &Value::Null)
    );
    let odd = expect_status(send(&ann, "/upload/", digits("100% ß?#.txt")).await, 201);
    let url = odd.at("/download_url").as_str().unwrap();
    assert_eq!(url, "/api/v1/download/100%25%20%C3%9F%3F%23.txt");
    assert_eq!(expect_status(get(&ann, url).await, 200).text, "0123456789");

    let newer = Form::default().file("file", kept, b"newer").end();
    expect_status(send(&ann, "/upload", newer).await, 201);
    // Files of tasks and of other users are not personal files.
    let task = task_of(&ann).await;
    let of_task = Form::default().file("file", kept, b"of the task").end();
    expect_status(send(&ann, &format!("/tasks/{task}/files"), of_task).await, 201);
    for person in [&eve, &root] {
        for path in ["/download/nein.txt", "/api/v1/download/nein.txt/"] {
            expect_refusal(
                &get(person, path).await,
                (404, "NOT_FOUND", ""),
                "with the filename 'nein.txt'",
            );
        }
        expect_refusal(
            &delete(person, "/delete/nein.txt").await,
            (404, "NOT_FOUND", ""),
            "with the filename 'nein.txt'",
        );
    }
    assert_eq!(get(&ann, "/download/nein.txt").await.text, "newer");
    expect_status(delete(&ann, "/api/v1/delete/nein.txt").await, 204);
    assert_eq!(get(&ann, "/download/nein.txt").await.text, "0123456789");
    expect_status(delete(&ann, "/delete/nein.txt/").await, 204);
    expect_status(get(&ann, "/download/nein.txt").await, 404);
    assert_eq!(get(&ann, &format!("/tasks/{task}/files")).await.at("/total"), 1);
    assert_eq!(app.stored_files().len(), 2);
}

#[tokio::test]
async fn a_refused_upload_stores_nothing() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = task_of(&ann).await;
    let before = app.footprint().await;
    let file = |name: &str, content: &[u8]| Form::default().file("file", name, content);
    let large = vec![b'x'; 5 * 1024 * 1024 + 1];
    let huge = vec![b'x'; 6 * 1024 * 1024];
    let (too_large, refused, malformed) = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "BAD_USER_INPUT");
    for path in ["/upload".to_owned(), format!("/api/v1/tasks/{task}/files")] {
        for (form, refusal, message) in [
            (
                file("a.txt", &large).end(),
                (413, too_large),
                "larger than the 5242880 bytes",
            ),
            (file("a.txt", &huge).end(), (413, too_large), "5242880 bytes"),
            (
                file("a.exe", b"MZ").end(),
                (415, refused),
                "txt, md, csv, json, pdf, png, jpg, jpeg, gif, webp, doc and docx",
            ),
            (
                file("a.png", b"no image at all").end(),
                (415, refused),
                "is not a PNG image",
            ),
            (
                file("a.json", b"{\"a\": }").end(),
                (415, refused),
                "is not JSON in UTF-8",
            ),
            (
                file("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>").end(),
                (415, refused),
                "does not have an allowed extension",
            ),
            (file("a.txt", b"").end(), (422, "INVALID"), "is empty"),
            (file("..", b"x").end(), (422, "INVALID"), "names no file"),
            (Form::default().end(), (422, "INVALID"), "missing field `file`"),
            (
                Form::default().text("file", "x").end(),
                (422, "INVALID"),
                "has no filename",
            ),
            (
                Form::default().file("upload", "a.txt", b"x").end(),
                (422, "INVALID"),
                "a part `upload`",
            ),
            (
                file("a.txt", b"x").text("note", "x").end(),
                (422, "INVALID"),
                "a part `note`",
            ),
            (
                file("a.txt", b"x").file("file", "b.txt", b"x").end(),
                (422, "INVALID"),
                "more than one",
            ),
            (
                file("a.txt", b"x").broken_off(),
                (400, malformed),
                "not multipart/form-data as it should be",
            ),
            (
                b"no form".to_vec(),
                (400, malformed),
                "not multipart/form-data as it should be",
            ),
        ] {
            expect_refusal(&send(&ann, &path, form).await, (refusal.0, refusal.1, "file"), message);
        }
        let json = ann.rest(Method::POST, &path, json!({ "file": "a.txt" })).await;
        expect_refusal(&json, (415, refused, ""), "send multipart/form-data");
        let request = ann
            .request(Method::POST, &path)
            .header("content-type", "multipart/form-data");
        let unbounded = ann.send(request.body(digits("a.txt").into()).unwrap()).await;
        expect_refusal(&unbounded, (400, malformed, "file"), "boundary");
        let nobody = send(&app.anonymous(), &path, digits("a.txt")).await;
        expect_refusal(&nobody, (401, "UNAUTHENTICATED", ""), "Sign in first");
    }
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(0).await;
}
