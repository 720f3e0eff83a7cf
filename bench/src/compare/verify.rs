//! Verifies that all servers give the same responses. A server with other responses is wrong, not faster.

use std::collections::BTreeSet;

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value};

use super::data::World;
use super::load;
use super::servers::Servers;
use super::workload::{Contestant, Workload, requests};

/// Number of requests of a workload that are compared.
const COMPARED: usize = 20;

/// Statistics of Taskwire's responses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    /// Mean length in bytes.
    pub(crate) bytes: usize,
    /// Mean number of distinct users.
    pub(crate) users: f64,
}

/// Fails if a server accepts a token with a forged signature.
pub(crate) async fn tokens_are_checked(servers: &Servers, world: &World) -> anyhow::Result<()> {
    let (claims, _) = world
        .administrator
        .token
        .rsplit_once('.')
        .context("the token is malformed")?;
    let forged = format!("{claims}.{}", "A".repeat(43));
    for &contestant in Workload::OwnList.contestants() {
        let Some(server) = servers.peer(contestant) else {
            continue;
        };
        let mut all = requests(contestant, Workload::OwnList, world)?;
        let request = all.pop().context("there are no people")?.signed_in_with(&forged)?;
        let answer = load::once(server.address(), request).await;
        ensure!(answer.is_err(), "{} does not check tokens", contestant.name());
    }
    Ok(())
}

/// Sends the same requests to every server and fails if a response differs from that of Taskwire.
pub(crate) async fn same_answers(servers: &Servers, workload: Workload, world: &World) -> anyhow::Result<Answers> {
    let mut expected: Option<Vec<Value>> = None;
    let mut answers = Answers::default();
    for &contestant in workload.contestants() {
        let Some(server) = servers.peer(contestant) else {
            continue;
        };
        let name = contestant.name();
        let mut given = Vec::new();
        let mut bytes = 0;
        for request in requests(contestant, workload, world)?.into_iter().take(COMPARED) {
            let body = load::once(server.address(), request)
                .await
                .with_context(|| format!("{name}, {}; its log ends with\n{}", workload.name(), server.log()))?;
            bytes += body.len();
            given.push(essence(&serde_json::from_slice(&body)?, workload));
        }
        match &expected {
            None => {
                answers = Answers {
                    bytes: bytes / given.len().max(1),
                    users: mean(given.iter().map(users)),
                };
                ensure!(
                    contestant == Contestant::Taskwire,
                    "the answers are compared with Taskwire's"
                );
                expected = Some(given);
            }
            Some(expected) => compare(name, workload, expected, &given)?,
        }
    }
    Ok(answers)
}

fn compare(name: &str, workload: Workload, expected: &[Value], given: &[Value]) -> anyhow::Result<()> {
    ensure!(expected.len() == given.len(), "{name} got another number of requests");
    for (expected, given) in expected.iter().zip(given) {
        ensure!(
            expected == given,
            "{name} does not answer like Taskwire for '{}':\n{given}\ninstead of\n{expected}",
            workload.name()
        );
    }
    Ok(())
}

/// The part that must be equal: the rows, without names that differ between servers, and without timestamps, whose
/// format differs.
fn essence(answer: &Value, workload: Workload) -> Value {
    let data = answer.get("data").unwrap_or(answer);
    // The top-level field has another name in each server.
    let top = data.as_object().and_then(|data| data.values().next()).unwrap_or(data);
    strip(top, workload == Workload::CreateTask)
}

fn strip(value: &Value, is_new: bool) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| strip(item, is_new)).collect(),
        Value::Object(fields) => {
            let kept = fields.iter().filter_map(|(name, value)| {
                let name = if name == "rowId" { "databaseId" } else { name };
                let may_differ = match name {
                    "dueDate" | "createdAt" | "updatedAt" => true,
                    "databaseId" => is_new,
                    _ => false,
                };
                (!may_differ).then(|| (name.to_owned(), strip(value, is_new)))
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Number of distinct users that are owner or assignee.
fn users(answer: &Value) -> usize {
    fn collect<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => {
                found.extend(fields.get("username").and_then(Value::as_str));
                fields.values().for_each(|value| collect(value, found));
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    collect(answer, &mut found);
    found.len()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of users are far from the limits of f64"
)]
fn mean(values: impl ExactSizeIterator<Item = usize>) -> f64 {
    let count = values.len().max(1);
    values.sum::<usize>() as f64 / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_timestamps_may_differ_but_not_rows() {
        let taskwire =
            json!({"data": {"tasks": {"nodes": [{"databaseId": 1, "title": "a", "dueDate": "2026-01-01T00:00:00Z"}]}}});
        let peer = json!({"data": {"allTasks": {"nodes": [{"rowId": 1, "title": "a", "dueDate": "2026-01-01"}]}}});
        let wrong = json!({"data": {"allTasks": {"nodes": [{"rowId": 2, "title": "a", "dueDate": "2026-01-01"}]}}});
        let of = |answer| [essence(answer, Workload::OwnList)];
        assert!(compare("peer", Workload::OwnList, &of(&taskwire), &of(&peer)).is_ok());
        assert!(compare("peer", Workload::OwnList, &of(&taskwire), &of(&wrong)).is_err());
    }

    #[test]
    fn ids_of_new_tasks_may_differ() {
        let created = |number| json!({"data": {"taskCreate": {"task": {"databaseId": number, "title": "a"}}}});
        assert_eq!(
            essence(&created(1), Workload::CreateTask),
            essence(&created(2), Workload::CreateTask)
        );
    }

    #[test]
    fn users_are_counted_once() {
        let answer = json!({"nodes": [
            {"owner": {"username": "ann"}, "assignee": {"username": "bob"}},
            {"owner": {"username": "ann"}, "assignee": null},
        ]});
        assert_eq!(users(&answer), 2);
    }
}
