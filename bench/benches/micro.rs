//! Micro-benchmarks of single steps of a request. Run `cargo bench --package taskwire-bench`, with a part of a name as
//! a filter.
//!
//! Each step has a module here.

fn main() {
    divan::main();
}

/// Parses a document and computes its cost.
mod document {
    use divan::{Bencher, black_box};
    use serde_json::{Map, Value, json};
    use taskwire::config::Config;
    use taskwire::graphql::execution::Front;
    use taskwire::graphql::execution::check::executable;

    #[derive(Clone, Copy, Debug)]
    enum Document {
        /// The smallest document.
        Tiny,
        /// A typical query of an app: a page of tasks, with fragments.
        Page,
    }

    impl Document {
        fn text(self) -> &'static str {
            match self {
                Self::Tiny => "{ __typename }",
                Self::Page => {
                    "query Page($me: ID!, $after: String) { \
                    tasks(first: 50, after: $after, filter: {owner: {eq: $me}}) { \
                    nodes { ...Row } pageInfo { hasNextPage endCursor } } } \
                    fragment Row on Task { id title description status priority dueDate createdAt updatedAt \
                    owner { ...Name } assignee { ...Name } } \
                    fragment Name on User { id username fullName }"
                }
            }
        }
    }

    fn front() -> Front {
        match Config::load() {
            Ok(config) => Front::new(&config.graphql),
            Err(error) => panic!("the settings cannot be read: {error}"),
        }
    }

    fn variables() -> Map<String, Value> {
        Map::from_iter([("me".to_owned(), json!("VXNlcjo3"))])
    }

    /// A new document: parsed, validated and normalised.
    #[divan::bench(args = [Document::Tiny, Document::Page])]
    fn read(bencher: Bencher, document: Document) {
        let (front, variables) = (front(), variables());
        let mut number = 0;
        bencher.bench_local(|| {
            number += 1;
            let text = format!("{} # {number}", document.text());
            executable(&front, black_box(&text), Some(&variables)).is_some()
        });
    }

    /// A cached document with variables: the cost of every request.
    #[divan::bench(args = [Document::Tiny, Document::Page])]
    fn find(bencher: Bencher, document: Document) {
        let (front, variables) = (front(), variables());
        bencher.bench(|| executable(&front, black_box(document.text()), Some(&variables)).is_some());
    }
}

/// Pagination cursors.
mod cursor {
    use divan::{Bencher, black_box};
    use taskwire::domain::page::{Cursor, Direction, Key, Sort};
    use taskwire::domain::task::TaskSortField;

    const ORDER: [Sort<TaskSortField>; 2] = [
        Sort {
            field: TaskSortField::Title,
            direction: Direction::Ascending,
        },
        Sort {
            field: TaskSortField::CreatedAt,
            direction: Direction::Descending,
        },
    ];

    fn cursor() -> Cursor {
        Cursor {
            keys: vec![
                Key::Text("review the password reset of juniper".to_owned()),
                Key::Number(1_763_763_000_123_456),
            ],
            id: 123_456,
        }
    }

    #[divan::bench]
    fn encode(bencher: Bencher) {
        let cursor = cursor();
        bencher.bench(|| black_box(&cursor).encode(&ORDER));
    }

    #[divan::bench]
    fn decode(bencher: Bencher) {
        let text = cursor().encode(&ORDER);
        bencher.bench(|| Cursor::decode("after", black_box(&text), &ORDER).is_ok());
    }
}

/// Authorization, the first step of every use case.
mod policy {
    use divan::black_box;
    use taskwire::domain::actor::{Actor, Role, SignedIn};
    use taskwire::domain::id::{SessionId, UserId};
    use taskwire::domain::local_time::DEFAULT_TIME_ZONE;
    use taskwire::domain::policy::{CreateTask, Own, Tasks, permit, scope};

    const ACTOR: Actor = Actor::User(SignedIn {
        id: UserId(7),
        role: Role::User,
        session: SessionId(1),
        time_zone: DEFAULT_TIME_ZONE,
        users: None,
    });

    #[divan::bench]
    fn permit_to_create() -> bool {
        permit(black_box(&ACTOR), CreateTask, black_box(&Own::of(UserId(7)))).is_ok()
    }

    #[divan::bench]
    fn scope_of_tasks() -> bool {
        scope::<Tasks>(black_box(&ACTOR)).is_ok()
    }
}

/// Resolves and serialises a list of 50 users in each of the ways in which rows are resolved.
mod rows {
    use std::sync::Arc;

    use async_graphql::parser::parse_query;
    use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Schema};
    use chrono::DateTime;
    use divan::Bencher;
    use taskwire::domain::actor::Role;
    use taskwire::domain::id::UserId;
    use taskwire::domain::user::Account;
    use taskwire::graphql::row::Rows;
    use taskwire::graphql::types::user::User;

    #[derive(Clone, Copy, Debug)]
    enum Way {
        /// Like the library: a boxed future for each field.
        Boxed,
        /// Each field is polled once.
        Polled,
    }

    impl Way {
        fn document(self) -> String {
            let field = match self {
                Self::Boxed => "boxed",
                Self::Polled => "polled",
            };
            format!("{{ {field} {{ id databaseId username fullName email role isActive createdAt updatedAt }} }}")
        }
    }

    struct Query(Vec<User>);

    #[Object]
    impl Query {
        async fn boxed(&self) -> &[User] {
            &self.0
        }

        async fn polled(&self) -> Rows<&User> {
            Rows(self.0.iter().collect())
        }
    }

    fn user(number: i32) -> User {
        let moment = DateTime::from_timestamp_micros(1_763_763_000_123_456).unwrap_or_default();
        User(Arc::new(taskwire::domain::user::User {
            id: UserId(number),
            username: Some(format!("user{number}")),
            full_name: Some(format!("User the {number}th")),
            account: Some(Account {
                email: format!("user{number}@example.com"),
                role: Role::User,
                is_active: true,
                email_verified: true,
                time_zone: taskwire::domain::local_time::DEFAULT_TIME_ZONE,
                created_at: moment,
                updated_at: moment,
            }),
        }))
    }

    #[divan::bench(args = [Way::Boxed, Way::Polled])]
    fn resolve_and_serialise(bencher: Bencher, way: Way) {
        let query = Query((1..=50).map(user).collect());
        let schema = Schema::new(query, EmptyMutation, EmptySubscription);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let (Ok(runtime), Ok(document)) = (runtime, parse_query(way.document())) else {
            panic!("there is nothing to measure");
        };
        bencher.bench(|| {
            let mut request = Request::new("");
            request.set_parsed_query(document.clone());
            let response = runtime.block_on(schema.execute(request));
            serde_json::to_vec(&response.data).map(|json| json.len())
        });
    }
}
