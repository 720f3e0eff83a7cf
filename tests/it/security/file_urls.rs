//! Signed file URLs without an access token: their scope, user and lifetime.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::support::{LIMITED, from};
use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::process::Sandbox;
use crate::support::{PASSWORD, TestApp};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const URL: &str = "query($id: ID!, $seconds: Int) { node(id: $id) { ... on Attachment { url(expiresIn: $seconds) } } }";

/// The URL of a file with this lifetime in seconds.
async fn url_with(person: &Person<'_>, id: &Value, seconds: Value) -> String {
    let answer = person.graphql(URL, json!({ "id": id, "seconds": seconds })).await;
    answer.data()["node"]["url"].as_str().unwrap().to_owned()
}

/// The URL of a file with the default lifetime.
async fn url_of(person: &Person<'_>, id: &Value) -> String {
    let answer = person
        .graphql(
            "query($id: ID!) { node(id: $id) { ... on Attachment { url } } }",
            json!({ "id": id }),
        )
        .await;
    answer.data()["node"]["url"].as_str().unwrap().to_owned()
}

/// The response to a browser that loads the URL without a token.
async fn load_with(app: &TestApp, method: Method, url: &str, headers: &[(&str, &str)]) -> Answer {
    let nobody = app.anonymous();
    let mut request = nobody.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    nobody.send(request.body(Vec::new().into()).unwrap()).await
}

async fn load(app: &TestApp, url: &str) -> Answer {
    load_with(app, Method::GET, url, &[]).await
}

async fn expect_refused(app: &TestApp, url: &str, refusal: (u16, &str), message: &str) {
    let answer = load(app, url).await;
    let (status, code, _) = answer.problem();
    assert_eq!((status, code), refusal, "{url}: {}", answer.text);
    assert!(answer.text.contains(message), "{url}: {}", answer.text);
    assert_eq!(answer.header("cache-control"), "");
}

const EXPIRED: ((u16, &str), &str) = ((401, "UNAUTHENTICATED"), "The URL of the file has expired");
const INVALID: ((u16, &str), &str) = ((401, "UNAUTHENTICATED"), "The URL of the file is not valid");
const ENDED: ((u16, &str), &str) = ((401, "UNAUTHENTICATED"), "The session has ended");
const UNSEEN: ((u16, &str), &str) = ((404, "NOT_FOUND"), "There is no attachment");

#[tokio::test]
async fn an_image_is_shown_inline_and_any_other_file_is_downloaded_without_a_token() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let image = ann.keeps(None, "a.png", PNG).await;
    let url = url_of(&ann, &image["id"]).await;
    assert!(
        url.starts_with(&format!("/api/v1/files/{}?signature=", image["databaseId"])),
        "{url}"
    );
    let shown = load(&app, &url).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for (name, value) in [
        ("content-type", "image/png"),
        (
            "content-disposition",
            "inline; filename=\"a.png\"; filename*=UTF-8''a.png",
        ),
        ("cache-control", "private, max-age=300"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(shown.header(name), value, "{name}");
    }
    app.advance(TimeDelta::seconds(100));
    let etag = shown.header("etag");
    let unchanged = load_with(&app, Method::GET, &url, &[("if-none-match", etag)]).await;
    assert_eq!(
        (unchanged.status.as_u16(), unchanged.header("cache-control")),
        (304, "private, max-age=200")
    );

    for (name, content, kind) in [
        ("a.txt", "text", "text/plain"),
        ("a.md", "# Title", "text/markdown"),
        ("a.csv", "a;b", "text/csv"),
        ("a.json", "{\"a\": [1]}", "application/json"),
        ("a.pdf", "%PDF-1.7", "application/pdf"),
    ] {
        let file = ann.keeps(None, name, content.as_bytes()).await;
        let url = url_of(&ann, &file["id"]).await;
        // With the other prefix and a trailing slash, as all routes.
        for url in [url.replacen("/api/v1", "", 1), url.replacen('?', "/?", 1), url] {
            let saved = load(&app, &url).await;
            assert_eq!((saved.status.as_u16(), saved.text.as_str()), (200, content), "{url}");
            assert_eq!(saved.header("content-type"), kind);
            assert!(
                saved.header("content-disposition").starts_with("attachment; "),
                "{name}"
            );
        }
        let part = load_with(
            &app,
            Method::GET,
            &url_of(&ann, &file["id"]).await,
            &[("range", "bytes=0-1")],
        )
        .await;
        assert_eq!((part.status.as_u16(), part.text.as_str()), (206, &content[..2]));
        let head = load_with(&app, Method::HEAD, &url_of(&ann, &file["id"]).await, &[]).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), content.len().to_string());
    }
}

#[tokio::test]
async fn rest_responses_have_the_url_too() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let files = format!("/api/v1/tasks/{task}/files");
    for (path, list) in [(files.as_str(), Some(files.as_str())), ("/upload", None)] {
        let uploaded = ann.posts_file(path, "a.webp", b"RIFF\x04\0\0\0WEBPVP8 ").await;
        let mut answers = vec![uploaded.at("/url").clone()];
        if let Some(list) = list {
            answers.push(
                ann.rest(Method::GET, list, Value::Null)
                    .await
                    .at("/items/0/url")
                    .clone(),
            );
        }
        for url in answers {
            let shown = load(&app, url.as_str().unwrap()).await;
            assert_eq!(
                (shown.status.as_u16(), shown.header("content-type")),
                (200, "image/webp")
            );
        }
        let location = uploaded.header("location");
        assert!(!location.contains('?'), "{location}");
        assert_eq!(load(&app, location).await.problem().0, 401);
    }
}

#[tokio::test]
async fn a_url_works_for_the_requested_time() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
    let urls = [
        (1, url_with(&ann, &id, json!(1)).await),
        (300, url_of(&ann, &id).await),
        (3_600, url_with(&ann, &id, json!(3_600)).await),
    ];
    assert_eq!(url_with(&ann, &id, Value::Null).await, urls[1].1);
    let mut passed = 0;
    for (seconds, url) in &urls {
        app.advance(TimeDelta::milliseconds((seconds - passed) * 1_000 - 1));
        assert_eq!(load(&app, url).await.text, "text", "{seconds}");
        passed = *seconds;
        app.advance(TimeDelta::milliseconds(1));
        expect_refused(&app, url, EXPIRED.0, EXPIRED.1).await;
    }
    for seconds in [0, -1, 3_601, i32::MAX] {
        let ann = app.member().await;
        let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
        let refused = ann.graphql(URL, json!({ "id": id, "seconds": seconds })).await;
        assert_eq!(refused.error_code(), "BAD_USER_INPUT", "{}", refused.text);
        assert_eq!(
            refused.error_message(),
            format!("expiresIn: {seconds} is not allowed; 1 to 3600 seconds are")
        );
    }
}

#[tokio::test]
async fn a_signature_counts_for_one_file_of_this_server_only() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let file = ann.keeps(None, "a.txt", b"text").await;
    let other = ann.keeps(None, "b.txt", b"other").await;
    let hers = eve.keeps(None, "c.txt", b"hers").await;
    let url = url_of(&ann, &file["id"]).await;
    let signature = url.split_once('=').unwrap().1.to_owned();
    let path = |file: &Value| format!("/api/v1/files/{}", file["databaseId"]);
    let with = |signature: &str| format!("{}?signature={signature}", path(&file));
    // One altered character in each part, and truncated or foreign signatures.
    let positions = [0, signature.find('.').unwrap() + 5, signature.len() - 10];
    for position in positions {
        let mut altered = signature.clone().into_bytes();
        altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        expect_refused(&app, &with(&altered), INVALID.0, INVALID.1).await;
    }
    let token = ann.access_token.clone().unwrap();
    let unsigned = {
        let claims = signature.split('.').nth(1).unwrap();
        format!("eyJ0eXAiOiJmaWxlK2p3dCIsImFsZyI6Im5vbmUifQ.{claims}.")
    };
    for signature in ["", "x", "a.b.c", &signature[1..], &token, &ann.refresh_token, &unsigned] {
        expect_refused(&app, &with(signature), INVALID.0, INVALID.1).await;
    }
    for file in [&other, &hers] {
        expect_refused(
            &app,
            &format!("{}?signature={signature}", path(file)),
            INVALID.0,
            INVALID.1,
        )
        .await;
    }
    // A server with another key.
    let stranger = app
        .second_node_with(&[("SECRET_KEY", "another-key-that-is-long-enough-for-a-test-server")])
        .await;
    expect_refused(&stranger, &url, INVALID.0, INVALID.1).await;
    assert_eq!(load(&app.second_node().await, &url).await.text, "text");
    // The signature is not an access token and gives access to this file only.
    let impostor = ann.with_token(&app, &signature);
    let asked = impostor.graphql("{ tasks { totalCount } }", json!({})).await;
    assert_eq!(asked.error_code(), "UNAUTHENTICATED", "{}", asked.text);
    assert_eq!(
        impostor.rest(Method::GET, "/auth/me", Value::Null).await.problem().0,
        401
    );
    for (method, path) in [
        (Method::DELETE, path(&file)),
        (Method::GET, "/api/v1/download/a.txt".to_owned()),
        (Method::GET, "/api/v1/auth/me".to_owned()),
        (Method::GET, "/api/v1/tasks".to_owned()),
    ] {
        let answer = load_with(&app, method, &format!("{path}?signature={signature}"), &[]).await;
        assert!(matches!(answer.problem().0, 400 | 401), "{path}: {}", answer.text);
    }
    let unknown = load(&app, &format!("{url}&x=1")).await;
    assert_eq!(unknown.problem(), (400, "UNKNOWN_PARAMETER", "x"), "{}", unknown.text);
    assert_eq!(load(&app, &url).await.text, "text");
}

#[tokio::test]
async fn a_url_ends_with_its_session_and_with_the_account() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
    let login = "mutation($name: String!, $password: String!) {
        login(input: {username: $name, password: $password}) { accessToken } }";
    let second = ann
        .graphql(login, json!({ "name": ann.name, "password": PASSWORD }))
        .await;
    let second = ann.with_token(&app, second.data()["login"]["accessToken"].as_str().unwrap());
    let (first_url, second_url) = (url_of(&ann, &id).await, url_of(&second, &id).await);
    // A refresh keeps the session.
    let refresh = "mutation($token: String!) { refresh(refreshToken: $token) { accessToken } }";
    let renewed = ann.graphql(refresh, json!({ "token": ann.refresh_token })).await;
    let renewed = renewed.data()["refresh"]["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(load(&app, &first_url).await.text, "text");
    let renewed = ann.with_token(&app, &renewed);
    renewed.rest(Method::POST, "/auth/logout", Value::Null).await;
    expect_refused(&app, &first_url, ENDED.0, ENDED.1).await;
    assert_eq!(load(&app, &second_url).await.text, "text");

    let deactivate = "mutation($id: ID!) { userSetActive(id: $id, isActive: false) { userErrors { message } } }";
    boss.graphql(deactivate, json!({ "id": ann.global_id() })).await.data();
    expect_refused(&app, &second_url, ENDED.0, ENDED.1).await;

    let id = bob.keeps(None, "b.txt", b"text").await["id"].clone();
    let (own, of_admin) = (url_of(&bob, &id).await, url_of(&boss, &id).await);
    let promote = "mutation($id: ID!) { userSetRole(id: $id, role: ADMIN) { userErrors { message } } }";
    boss.graphql(promote, json!({ "id": bob.global_id() })).await.data();
    let demote = "mutation($id: ID!) { userSetRole(id: $id, role: USER) { userErrors { message } } }";
    bob.graphql(demote, json!({ "id": boss.global_id() })).await.data();
    assert_eq!(load(&app, &own).await.text, "text");
    expect_refused(&app, &of_admin, UNSEEN.0, UNSEEN.1).await;
}

#[tokio::test]
async fn a_url_ends_when_the_file_becomes_invisible() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = ann
        .creates_task(json!({ "title": "Report", "assigneeId": bob.global_id() }))
        .await;
    let id = ann.keeps(Some(task), "a.txt", b"text").await["id"].clone();
    let (of_ann, of_bob) = (url_of(&ann, &id).await, url_of(&bob, &id).await);
    assert_eq!(load(&app, &of_bob).await.text, "text");
    ann.changes_task("taskAssign", task, ", assigneeId: null").await;
    expect_refused(&app, &of_bob, UNSEEN.0, UNSEEN.1).await;
    assert_eq!(load(&app, &of_ann).await.text, "text");
    ann.changes_task("taskDelete", task, "").await;
    expect_refused(&app, &of_ann, UNSEEN.0, UNSEEN.1).await;
    ann.changes_task("taskRestore", task, "").await;
    assert_eq!(load(&app, &of_ann).await.text, "text");
    ann.changes_task("taskPurge", task, "").await;
    expect_refused(&app, &of_ann, UNSEEN.0, UNSEEN.1).await;
}

#[tokio::test]
async fn with_an_access_token_an_old_url_still_works() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
    let url = url_of(&ann, &id).await;
    // Browsers send the password for a proxy with every request.
    let with_password = load_with(&app, Method::GET, &url, &[("authorization", "Basic YTpi")]).await;
    assert_eq!(with_password.text, "text");
    app.advance(TimeDelta::seconds(301));
    assert_eq!(ann.rest(Method::GET, &url, Value::Null).await.text, "text");
    assert_eq!(
        ann.rest(Method::GET, &url, Value::Null).await.header("cache-control"),
        "private, no-cache"
    );
    assert_eq!(eve.rest(Method::GET, &url, Value::Null).await.problem().0, 404);
    assert_eq!(
        ann.with_token(&app, "x")
            .rest(Method::GET, &url, Value::Null)
            .await
            .problem()
            .0,
        401
    );
}

#[tokio::test]
async fn downloads_by_url_count_for_the_user_and_bad_signatures_for_the_address() {
    let app = TestApp::start_with(&[LIMITED, ("RATE_LIMIT_PER_MINUTE", "3")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let mut urls = Vec::new();
    for person in [&ann, &bob] {
        let id = person.keeps(None, "a.txt", b"text").await["id"].clone();
        urls.push(url_of(person, &id).await);
    }
    let statuses = async |address: &str, url: &str| {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            let nobody = app.anonymous();
            let request = from(address, nobody.request(Method::GET, url));
            let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
            statuses.push(answer.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses("192.0.2.1", &urls[0]).await, [200, 200, 200, 429]);
    assert_eq!(statuses("192.0.2.1", &urls[1]).await, [200, 200, 200, 429]);
    let forged = "/api/v1/files/1?signature=x";
    assert_eq!(statuses("192.0.2.1", forged).await, [401, 401, 401, 429]);
    assert_eq!(statuses("192.0.2.2", forged).await, [401, 401, 401, 429]);
}

#[tokio::test]
async fn a_url_starts_with_the_address_of_the_server_if_that_is_set() {
    for setting in ["https://api.example.com", "https://api.example.com/"] {
        let app = TestApp::start_with(&[("SERVER_URL", setting)]).await;
        let ann = app.member().await;
        let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
        let url = url_of(&ann, &id).await;
        let path = url.strip_prefix("https://api.example.com/").unwrap();
        assert_eq!(load(&app, &format!("/{path}")).await.text, "text");
    }
}

#[tokio::test]
async fn the_log_has_no_signature() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).with("LOG_LEVEL", "trace").serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let form = Form::default().file("file", "a.txt", b"text").end();
    let upload = server.request(&token, Method::POST, "/api/v1/upload");
    let uploaded = crate::support::process::read(upload.header("content-type", CONTENT_TYPE).body(form))
        .await
        .unwrap();
    let url = uploaded.at("/url").as_str().unwrap().to_owned();
    assert_eq!(server.rest("", Method::GET, &url, Value::Null).await.text, "text");
    let (path, signature) = url.split_once("?signature=").unwrap();
    server.until_logged(path).await;
    let log = server.stop().await;
    assert!(log.contains(path));
    for part in signature.split('.').skip(1) {
        assert!(!log.contains(part), "the log has the signature");
    }
}
