//! Workloads: each server gets equivalent requests in its own schema.

use serde::Serialize;
use serde_json::{Value, json};

use super::data::{Person, World};
use super::load::Prepared;

/// Rows of a list.
pub(super) const PAGE: usize = 50;
/// Users of the nested list, and tasks of each.
const NESTED: (usize, usize) = (20, 10);

/// A compared server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contestant {
    Taskwire,
    Mercurius,
    PostGraphile,
    Yoga,
    /// A bare handler that returns a constant of the same size.
    Axum,
    /// `PostgreSQL` alone, driven by pgbench.
    Postgres,
}

impl Contestant {
    pub(crate) const ALL: [Self; 6] = [
        Self::Taskwire,
        Self::Mercurius,
        Self::PostGraphile,
        Self::Yoga,
        Self::Axum,
        Self::Postgres,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Taskwire => "Taskwire",
            Self::Mercurius => "Mercurius",
            Self::PostGraphile => "PostGraphile",
            Self::Yoga => "GraphQL Yoga",
            Self::Axum => "axum, a constant",
            Self::Postgres => "PostgreSQL alone",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Workload {
    /// 50 own tasks, newest first, with owner and assignee
    OwnList,
    /// 50 tasks that the user owns or is assigned to, newest first
    DefaultList,
    /// One task by its id, with owner and assignee
    OneTask,
    /// 20 users, 10 tasks of each, the assignee of each task
    Nested,
    /// The list of 50 own tasks over REST
    RestList,
    /// `{ __typename }`
    Tiny,
    /// Create a task with its event
    CreateTask,
    /// Sign in, over two connections
    Login,
}

impl Workload {
    /// Workloads that write come last, so that they do not change what the others read.
    pub(crate) const ALL: [Self; 8] = [
        Self::OwnList,
        Self::DefaultList,
        Self::OneTask,
        Self::Nested,
        Self::RestList,
        Self::Tiny,
        Self::CreateTask,
        Self::Login,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OwnList => "List of 50 own tasks with owner and assignee",
            Self::DefaultList => "Default list of 50, owned or assigned",
            Self::OneTask => "One task by id",
            Self::Nested => "20 users, 10 tasks each, their assignees",
            Self::RestList => "List of 50 own tasks over REST",
            Self::Tiny => "Tiny query",
            Self::CreateTask => "Create a task",
            Self::Login => "Log in, 2 connections",
        }
    }

    /// The servers that support it.
    pub(crate) fn contestants(self) -> &'static [Contestant] {
        use Contestant::{Axum, Mercurius, PostGraphile, Postgres, Taskwire, Yoga};
        match self {
            Self::OwnList | Self::OneTask => &[Taskwire, Mercurius, PostGraphile, Yoga, Axum, Postgres],
            Self::Nested | Self::CreateTask => &[Taskwire, Mercurius, PostGraphile, Yoga, Postgres],
            Self::Tiny => &[Taskwire, Mercurius, PostGraphile, Yoga, Axum],
            Self::DefaultList | Self::RestList | Self::Login => &[Taskwire],
        }
    }

    /// Number of connections, if other workloads use `usual`.
    pub(crate) fn connections(self, usual: usize) -> usize {
        // Hashing a password keeps a core busy; more requests would only wait.
        if self == Self::Login { 2 } else { usual }
    }
}

/// Fields of a task. `@` is the numeric id, whose name differs in `PostGraphile`.
const TASK: &str = "@ title description status priority dueDate createdAt updatedAt \
    owner { @ username fullName } assignee { @ username fullName }";
const NESTED_TASK: &str = "nodes { @ title status assignee { @ username fullName } }";
const CREATED: &str = "{ task { @ title status priority createdAt } }";

/// Requests of one workload to one server, for all users in turn.
pub(super) fn requests(contestant: Contestant, workload: Workload, world: &World) -> anyhow::Result<Vec<Prepared>> {
    let people = world.people.iter();
    match workload {
        Workload::OwnList | Workload::DefaultList | Workload::Tiny | Workload::CreateTask => people
            .map(|person| {
                graphql(
                    person,
                    &operation(contestant, workload),
                    variables(contestant, workload, person),
                )
            })
            .collect(),
        Workload::OneTask => {
            let query = operation(contestant, workload);
            let pairs = (0..PAGE).flat_map(|number| people.clone().map(move |person| (number, person)));
            pairs
                .filter_map(|(number, person)| Some((person, person.tasks.get(number)?)))
                .map(|(person, task)| {
                    let id = match contestant {
                        Contestant::Taskwire => json!(task.global),
                        _ => json!(task.number),
                    };
                    graphql(person, &query, json!({ "id": id }))
                })
                .collect()
        }
        Workload::Nested => {
            let query = operation(contestant, workload);
            Ok(vec![graphql(&world.administrator, &query, json!({}))?])
        }
        Workload::RestList => people
            .map(|person| {
                let path = format!("/api/v1/tasks?limit={PAGE}&owner_id={}", person.number);
                Prepared::get(path, &person.token)
            })
            .collect(),
        Workload::Login => people
            .map(|person| {
                const LOGIN: &str = "mutation($name: String!, $password: String!) { \
                    login(input: {username: $name, password: $password}) { accessToken } }";
                let variables = json!({ "name": person.name, "password": super::data::PASSWORD });
                Prepared::post("/graphql", None, body(LOGIN, variables))
            })
            .collect(),
    }
}

fn graphql(person: &Person, query: &str, variables: Value) -> anyhow::Result<Prepared> {
    Prepared::post("/graphql", Some(&person.token), body(query, variables))
}

fn body(query: &str, variables: Value) -> String {
    let mut body = json!({ "query": query });
    if variables.as_object().is_some_and(|variables| !variables.is_empty()) {
        body["variables"] = variables;
    }
    body.to_string()
}

fn variables(contestant: Contestant, workload: Workload, person: &Person) -> Value {
    let input = json!({ "title": "Measure the server", "description": "As often as it takes", "priority": "HIGH" });
    match (workload, contestant) {
        (Workload::OwnList, Contestant::Taskwire) => json!({ "me": person.global }),
        (Workload::OwnList, Contestant::PostGraphile) => json!({ "me": person.number }),
        (Workload::CreateTask, Contestant::PostGraphile) => {
            let mut input = input;
            input["ownerId"] = json!(person.number);
            json!({ "input": { "task": input } })
        }
        (Workload::CreateTask, _) => json!({ "input": input }),
        _ => json!({}),
    }
}

/// The operation in the schema of one server.
fn operation(contestant: Contestant, workload: Workload) -> String {
    const NEWEST: &str = "orderBy: [CREATED_AT_DESC, ROW_ID_DESC]";
    const OLDEST: &str = "orderBy: [CREATED_AT_ASC, ROW_ID_ASC]";
    let (users, tasks) = NESTED;
    let is_postgraphile = contestant == Contestant::PostGraphile;
    let text = match workload {
        Workload::OwnList => match contestant {
            Contestant::Taskwire => {
                format!(
                    "query Own($me: ID!) {{ tasks(first: {PAGE}, filter: {{owner: {{eq: $me}}}}) {{ nodes {{ {TASK} }} }} }}"
                )
            }
            Contestant::PostGraphile => format!(
                "query Own($me: Int!) {{ allTasks(first: {PAGE}, condition: {{ownerId: $me}}, {NEWEST}) {{ nodes {{ {TASK} }} }} }}"
            ),
            _ => format!("query Own {{ tasks(first: {PAGE}) {{ nodes {{ {TASK} }} }} }}"),
        },
        Workload::DefaultList => format!("query Default {{ tasks(first: {PAGE}) {{ nodes {{ {TASK} }} }} }}"),
        Workload::OneTask => match contestant {
            Contestant::Taskwire => format!("query One($id: ID!) {{ task(id: $id) {{ {TASK} }} }}"),
            Contestant::PostGraphile => format!("query One($id: Int!) {{ taskByRowId(rowId: $id) {{ {TASK} }} }}"),
            _ => format!("query One($id: Int!) {{ task(id: $id) {{ {TASK} }} }}"),
        },
        Workload::Nested if is_postgraphile => format!(
            "query Nested {{ allUsers(first: {users}, {OLDEST}) {{ nodes {{ @ username \
             ownedTasks(first: {tasks}, {NEWEST}) {{ {NESTED_TASK} }} }} }} }}"
        ),
        Workload::Nested => format!(
            "query Nested {{ users(first: {users}) {{ nodes {{ @ username ownedTasks(first: {tasks}) {{ {NESTED_TASK} }} }} }} }}"
        ),
        Workload::CreateTask if is_postgraphile => {
            format!("mutation Create($input: CreateTaskInput!) {{ createTask(input: $input) {CREATED} }}")
        }
        Workload::CreateTask => {
            format!("mutation Create($input: TaskCreateInput!) {{ taskCreate(input: $input) {CREATED} }}")
        }
        Workload::Tiny | Workload::RestList | Workload::Login => "{ __typename }".to_owned(),
    };
    text.replace('@', if is_postgraphile { "rowId" } else { "databaseId" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taskwire_supports_all_workloads() {
        for workload in Workload::ALL {
            assert_eq!(workload.contestants().first(), Some(&Contestant::Taskwire));
        }
        assert!(!Workload::Nested.contestants().contains(&Contestant::Axum));
        assert!(!Workload::Tiny.contestants().contains(&Contestant::Postgres));
    }

    #[test]
    fn all_servers_return_the_same_fields() {
        for workload in [Workload::OwnList, Workload::OneTask, Workload::Nested] {
            let fields = |contestant| {
                let text = operation(contestant, workload).replace("rowId", "databaseId");
                let at = text.find("databaseId title").unwrap_or_default();
                text[at..].to_owned()
            };
            for peer in [Contestant::Mercurius, Contestant::PostGraphile, Contestant::Yoga] {
                assert_eq!(fields(peer), fields(Contestant::Taskwire), "{workload:?}");
            }
        }
    }

    #[test]
    fn workloads_that_write_come_last() {
        let last = &Workload::ALL[Workload::ALL.len() - 2..];
        assert_eq!(last, [Workload::CreateTask, Workload::Login]);
    }
}
