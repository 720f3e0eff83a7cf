//! Two servers, of which one is killed: its subscribers resume at the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::EVENTS;
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, redis_url};
use crate::support::process::{Sandbox, Server, client, read};
use crate::support::socket::Socket;

const WRITERS: usize = 20;
const CHANGES_OF_A_WRITER: usize = 100;
const TASKS: usize = 10;
/// How often the subscriber drops its connection without a close message.
const DROPS: usize = 10;
const UPDATE: &str =
    "mutation($id: ID!, $title: String!) { taskUpdate(id: $id, input: { title: $title }) { task { version } } }";

/// Events that a subscriber has received, and its cursor.
#[derive(Default)]
struct Seen {
    versions: BTreeMap<String, Vec<i64>>,
    count: usize,
    cursor: String,
}

impl Seen {
    /// Receives events until `until` were seen in total, or the connection ends.
    async fn listen(&mut self, mut socket: Socket, until: usize) {
        socket.subscribe("1", EVENTS, json!({ "after": self.cursor })).await;
        while self.count < until {
            let Some(message) = socket.receive_or_end().await else {
                return;
            };
            assert_eq!(message["type"], "next", "{message}");
            let event = &message["payload"]["data"]["taskEvents"];
            let versions = self.versions.entry(text(&event["taskId"])).or_default();
            let version = event["snapshot"]["version"].as_i64().unwrap();
            versions.push(version);
            assert!(event["task"]["version"].as_i64() >= Some(version), "{message}");
            self.cursor = text(&event["cursor"]);
            self.count += 1;
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn create_tasks(server: &Server, token: &str) -> Vec<String> {
    let mut tasks = Vec::new();
    for number in 0..TASKS {
        let create = format!("mutation {{ taskCreate(input: {{ title: \"Task {number}\" }}) {{ task {{ id }} }} }}");
        let created = server.graphql(token, &create, json!({})).await;
        tasks.push(text(&created.data()["taskCreate"]["task"]["id"]));
    }
    tasks
}

/// Updates the tasks from many concurrent connections.
fn write(server: &Server, token: &str, tasks: &[String]) -> JoinSet<()> {
    (0..WRITERS)
        .map(|writer| {
            let (client, url, token, tasks) = (client(), server.url("/graphql"), token.to_owned(), tasks.to_vec());
            async move {
                for change in 0..CHANGES_OF_A_WRITER {
                    let variables =
                        json!({ "id": tasks[(writer + change) % TASKS], "title": format!("{writer} {change}") });
                    let body = json!({ "query": UPDATE, "variables": variables });
                    let answer = read(client.post(&url).bearer_auth(&token).json(&body)).await.unwrap();
                    assert!(
                        answer.data()["taskUpdate"]["task"]["version"].is_i64(),
                        "{}",
                        answer.text
                    );
                }
            }
        })
        .collect()
}

#[tokio::test]
async fn a_disconnected_subscriber_resumes_at_another_server_and_sees_each_change_once() {
    let database = TestDatabase::create().await;
    let sandbox = || {
        Sandbox::over(&database)
            .with("REDIS_URL", &redis_url())
            .with("RATE_LIMIT_ENABLED", "false")
            .with("SECRET_KEY", "f2a91c07d35be8462f0a7c9e1b44d68e5a")
    };
    let (dying_sandbox, staying_sandbox) = (sandbox(), sandbox());
    let (dying, staying) = (dying_sandbox.serve().await, staying_sandbox.serve().await);
    let token = staying.registers("ann@example.com", PASSWORD).await;
    let start = staying.graphql(&token, "{ eventCursor }", json!({})).await;
    let mut seen = Seen {
        cursor: text(&start.data()["eventCursor"]),
        ..Seen::default()
    };
    let tasks = create_tasks(&staying, &token).await;
    let total = TASKS + WRITERS * CHANGES_OF_A_WRITER;
    let writing = write(&staying, &token, &tasks);

    for visit in 0..DROPS {
        let server = if visit % 2 == 0 { &dying } else { &staying };
        let until = total / 2 * (visit + 1) / DROPS;
        while seen.count < until {
            // A subscriber that is too slow is disconnected and resumes from its cursor.
            seen.listen(server.socket_of(&token).await, until).await;
        }
    }
    let last_socket = dying.socket_of(&token).await;
    let ((), ()) = tokio::join!(seen.listen(last_socket, usize::MAX), async {
        writing.join_all().await;
        dying.kill().await;
    });
    while seen.count < total {
        seen.listen(staying.socket_of(&token).await, total).await;
    }

    let last = i64::try_from(1 + WRITERS * CHANGES_OF_A_WRITER / TASKS).unwrap();
    for task in &tasks {
        assert_eq!(seen.versions[task], (1..=last).collect::<Vec<_>>(), "{task}");
    }
}
