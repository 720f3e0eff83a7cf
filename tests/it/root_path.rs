//! Serving under a path prefix of a reverse proxy: routes work whether the proxy strips the prefix or not.

use axum::http::{Method, header};
use serde_json::{Value, json};

use crate::support::TestApp;

const FORMS: [&str; 2] = ["", "/taskwire"];

#[tokio::test]
async fn every_route_answers_with_and_without_the_path() {
    let app = TestApp::start_with(&[("ROOT_PATH", "/taskwire/")]).await;
    let ann = app.member().await;
    for form in FORMS {
        let created = ann
            .rest(
                Method::POST,
                &format!("{form}/api/v1/tasks"),
                json!({"title": "Sub-path"}),
            )
            .await;
        assert_eq!(created.status, 201, "{}", created.text);
        let location = created.headers[header::LOCATION].to_str().unwrap();
        assert_eq!(location, format!("/taskwire/api/v1/tasks/{}", created.at("/id")));
        assert_eq!(
            ann.rest(Method::GET, location, Value::Null).await.at("/title"),
            "Sub-path"
        );

        let query = format!("{form}/graphql?query=%7Bviewer%7Bid%7D%7D");
        let viewer = ann.rest(Method::GET, &query, Value::Null).await;
        assert_eq!(viewer.at("/data/viewer/id"), &json!(ann.global_id()));
    }
    for path in ["/taskwires/api/v1/tasks", "/taskwire/taskwire/api/v1/tasks"] {
        let missing = ann.rest(Method::GET, path, Value::Null).await;
        assert_eq!(missing.status, 404, "{path}");
    }
}

#[tokio::test]
async fn pages_files_and_documents_contain_the_path() {
    let app = TestApp::start_with(&[("SERVER_URL", "https://example.com/taskwire")]).await;
    let ann = app.member().await;
    for form in FORMS {
        for page in ["/", "/playground", "/docs", "/redoc"] {
            let request = ann
                .request(Method::GET, &format!("{form}{page}"))
                .header("accept", "text/html");
            let html = ann.send(request.body(String::new().into()).unwrap()).await.text;
            let asset = html.split('"').find(|part| part.contains("/assets/")).unwrap();
            assert!(asset.starts_with("/taskwire/assets/"), "{asset}");
            assert_eq!(ann.rest(Method::GET, asset, Value::Null).await.status, 200, "{asset}");
        }
    }
    let index = ann.rest(Method::GET, "/taskwire", Value::Null).await;
    assert_eq!(index.at("/docs"), "/taskwire/docs");
    let document = ann.rest(Method::GET, "/openapi.json", Value::Null).await;
    assert_eq!(document.at("/servers"), &json!([{"url": "/taskwire"}]));
    let flow = document.at("/components/securitySchemes/password/flows/password/tokenUrl");
    assert_eq!(flow, "/taskwire/api/v1/auth/login/access-token");
}

#[tokio::test]
async fn urls_of_files_start_with_the_path_when_the_server_does_not_know_its_address() {
    let app = TestApp::start_with(&[("ROOT_PATH", "/a/b")]).await;
    let ann = app.member().await;
    let id = ann.keeps(None, "a.txt", b"text").await["id"].clone();
    let query = "query($id: ID!) { node(id: $id) { ... on Attachment { url } } }";
    let file = ann.graphql(query, json!({"id": id})).await;
    let url = file.at("/data/node/url").as_str().unwrap().to_owned();
    assert!(url.starts_with("/a/b/api/v1/files/"), "{url}");
    assert_eq!(app.anonymous().rest(Method::GET, &url, Value::Null).await.text, "text");
}

#[tokio::test]
async fn paths_in_rest_responses_for_files_start_with_the_path() {
    let app = TestApp::start_with(&[("SERVER_URL", "https://example.com/taskwire")]).await;
    let ann = app.member().await;
    let file = ann.posts_file("/api/v1/upload", "a.txt", b"text").await;
    assert_eq!(file.status, 201, "{}", file.text);
    for name in ["/file_path", "/download_url"] {
        let path = file.at(name).as_str().unwrap();
        assert!(path.starts_with("/taskwire/api/v1/"), "{name} is {path}");
        assert_eq!(ann.rest(Method::GET, path, Value::Null).await.text, "text");
    }
    let (url, path) = (
        file.at("/url").as_str().unwrap(),
        file.at("/file_path").as_str().unwrap(),
    );
    assert!(url.starts_with(&format!("https://example.com{path}?")), "{url}");
}

#[tokio::test]
async fn the_path_may_be_the_beginning_of_a_route() {
    let app = TestApp::start_with(&[("ROOT_PATH", "/api")]).await;
    let ann = app.member().await;
    let file = ann.posts_file("/api/v1/upload", "a.txt", b"text").await;
    let url = file.at("/url").as_str().unwrap();
    assert!(url.starts_with("/api/api/v1/files/"), "{url}");
    for sent in [url, url.strip_prefix("/api").unwrap()] {
        assert_eq!(
            app.anonymous().rest(Method::GET, sent, Value::Null).await.text,
            "text",
            "{sent}"
        );
    }
}
