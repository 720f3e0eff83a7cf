//! Users who call the GraphQL and REST APIs through the real router.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use taskwire::domain::session::Tokens;
use tower::ServiceExt as _;

use super::TestApp;
use super::answer::Answer;

/// A client of the server, signed in or not.
pub struct Person<'a> {
    app: &'a TestApp,
    /// The number of the user; 0 if nobody is signed in.
    pub id: i32,
    pub name: String,
    pub access_token: Option<String>,
    pub refresh_token: String,
}

impl<'a> Person<'a> {
    pub(super) fn anonymous(app: &'a TestApp) -> Self {
        Self {
            app,
            id: 0,
            name: String::new(),
            access_token: None,
            refresh_token: String::new(),
        }
    }

    pub(super) fn signed_in(app: &'a TestApp, id: i32, name: String, tokens: Tokens) -> Self {
        Self {
            app,
            id,
            name,
            access_token: Some(tokens.access_token),
            refresh_token: tokens.refresh_token,
        }
    }

    /// The same person on another node, or with another token.
    pub fn with_token<'b>(&self, app: &'b TestApp, token: &str) -> Person<'b> {
        Person {
            app,
            id: self.id,
            name: self.name.clone(),
            access_token: Some(token.to_owned()),
            refresh_token: self.refresh_token.clone(),
        }
    }

    pub fn global_id(&self) -> String {
        global_id("User", i64::from(self.id))
    }

    pub async fn graphql(&self, query: &str, variables: Value) -> Answer {
        let body = json!({ "query": query, "variables": variables }).to_string();
        self.send(
            self.request(Method::POST, "/graphql")
                .header("content-type", "application/json")
                .body(body.into())
                .unwrap(),
        )
        .await
    }

    /// Sends a REST request; a null `body` sends none.
    pub async fn rest(&self, method: Method, path: &str, body: Value) -> Answer {
        let request = self.request(method, path);
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request
                .header("content-type", "application/json")
                .body(body.to_string().into())
        };
        self.send(request.unwrap()).await
    }

    /// A request with this person's token.
    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.access_token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.app.router().oneshot(request).await.unwrap()).await
    }

    /// Runs a mutation of a task; `arguments` follow its id. Returns the payload.
    pub async fn mutates_task(&self, mutation: &str, task: i64, arguments: &str) -> Value {
        let id = global_id("Task", task);
        let document = format!(
            "mutation {{ {mutation}(id: \"{id}\"{arguments}) {{
               task {{ title description status priority dueDate completedAt version tags deletedAt assignee {{ databaseId }} }}
               userErrors {{ code field message }} }} }}"
        );
        self.graphql(&document, json!({})).await.data()[mutation].clone()
    }

    /// Runs a mutation of a task, as [`Self::mutates_task`] does. It must succeed.
    pub async fn changes_task(&self, mutation: &str, task: i64, arguments: &str) {
        let payload = self.mutates_task(mutation, task, arguments).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation}: {payload}");
    }

    /// The titles of the listed tasks.
    pub async fn titles(&self, arguments: &str) -> Vec<String> {
        let answer = self
            .graphql(&format!("{{ tasks({arguments}) {{ nodes {{ title }} }} }}"), json!({}))
            .await;
        let nodes = answer.data()["tasks"]["nodes"].as_array().unwrap();
        nodes
            .iter()
            .map(|node| node["title"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The current cursor of the event log.
    pub async fn event_cursor(&self) -> String {
        let answer = self.graphql("{ eventCursor }", json!({})).await;
        answer.data()["eventCursor"].as_str().unwrap().to_owned()
    }

    /// Creates a task. Returns its number.
    pub async fn creates_task(&self, input: Value) -> i64 {
        let answer = self
            .graphql(
                "mutation($input: TaskCreateInput!) { taskCreate(input: $input) { task { databaseId } userErrors { message } } }",
                json!({ "input": input }),
            )
            .await;
        answer.data()["taskCreate"]["task"]["databaseId"]
            .as_i64()
            .unwrap_or_else(|| panic!("{}", answer.text))
    }
}

pub fn global_id(kind: &str, number: i64) -> String {
    use base64::Engine as _;

    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(format!("{kind}:{number}"))
}
