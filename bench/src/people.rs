//! Users of the server under test.

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

/// Concurrent registrations. Hashing passwords keeps the machine busy anyway.
const AT_ONCE: usize = 4;

/// A signed-in user with one task.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) task: String,
}

/// Runs an operation and returns its data.
pub(crate) async fn graphql(
    client: &reqwest::Client,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> anyhow::Result<Value> {
    let request = client
        .post(url)
        .json(&json!({ "query": query, "variables": variables }));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let mut answer: Value = request.send().await?.json().await?;
    anyhow::ensure!(answer.get("errors").is_none(), "the server refused: {answer}");
    Ok(answer["data"].take())
}

/// Registers users, each with a task.
pub(crate) async fn register(client: &reqwest::Client, url: &str, count: usize) -> anyhow::Result<Vec<Person>> {
    stream::iter(0..count)
        .map(|number| register_one(client, url, number))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn register_one(client: &reqwest::Client, url: &str, number: usize) -> anyhow::Result<Person> {
    const REGISTER: &str = "mutation($email: String!, $password: String!) { \
        register(input: {email: $email, password: $password}) { accessToken } }";

    let account = json!({ "email": format!("person{number}@example.com"), "password": "Password123" });
    let data = graphql(client, url, None, REGISTER, account).await?;
    let token = text(&data["register"]["accessToken"])?;
    person(client, url, token).await
}

/// The administrator of a development server.
pub(crate) async fn administrator(client: &reqwest::Client, url: &str) -> anyhow::Result<Person> {
    const LOGIN: &str = "mutation { login(input: {username: \"admin\", password: \"Admin123\"}) { accessToken } }";

    let data = graphql(client, url, None, LOGIN, json!({})).await?;
    let token = text(&data["login"]["accessToken"])?;
    person(client, url, token).await
}

async fn person(client: &reqwest::Client, url: &str, token: String) -> anyhow::Result<Person> {
    const CREATE: &str = "mutation { taskCreate(input: {title: \"Watched\"}) { task { id } } }";

    let data = graphql(client, url, Some(&token), CREATE, json!({})).await?;
    let task = text(&data["taskCreate"]["task"]["id"])?;
    Ok(Person { token, task })
}

pub(crate) fn text(value: &Value) -> anyhow::Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .context("the server's answer lacks a field")
}
