//! Rows are resolved by a way of their own. Whatever is asked, it answers what the library would.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Request, Response, Variables};
use axum::http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use taskwire::domain::actor::{Actor, Role, SignedIn};
use taskwire::domain::id::{SessionId, UserId};
use taskwire::domain::local_time::DEFAULT_TIME_ZONE;
use taskwire::domain::session::Device;
use taskwire::graphql::Schema;
use taskwire::graphql::answer_size::AnswerSize;
use taskwire::graphql::context::RequestContext;
use taskwire::graphql::execution::Front;
use taskwire::graphql::execution::check::executable;
use taskwire::graphql::row::FieldByField;
use taskwire::graphql::upload::Uploads;
use taskwire::http::caller::Caller;

use crate::support::person::{Person, global_id};
use crate::support::{TestApp, config};

/// What can be selected of a type: fields without a selection, and fields with one of another type.
struct Kind {
    name: &'static str,
    leaves: &'static [&'static str],
    objects: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 20] = [
    Kind {
        name: "Task",
        leaves: &[
            "id",
            "databaseId",
            "title",
            "description",
            "status",
            "priority",
            "dueDate",
            "dueOn",
            "isOverdue",
            "completedAt",
            "version",
            "createdAt",
            "updatedAt",
            "deletedAt",
            "clientKey",
            "tags",
            "viewerCanUpdate",
            "viewerCanDelete",
            "viewerCanAssign",
            "viewerCanPurge",
            "allowedTransitions",
        ],
        objects: &[
            ("owner", "User"),
            ("assignee", "User"),
            ("attachments", "Attachment"),
            ("history", "TaskEventConnection"),
            ("lately: history(last: 2)", "TaskEventConnection"),
            ("never: history(first: 101)", "TaskEventConnection"),
        ],
    },
    Kind {
        name: "User",
        leaves: &[
            "id",
            "databaseId",
            "username",
            "fullName",
            "displayName",
            "email",
            "emailVerified",
            "timeZone",
            "role",
            "isActive",
            "createdAt",
            "updatedAt",
        ],
        objects: &[
            ("ownedTasks(first: 3)", "TaskConnection"),
            ("urgent: ownedTasks(filter: {priority: {eq: URGENT}})", "TaskConnection"),
            ("assignedTasks(last: 2)", "TaskConnection"),
        ],
    },
    Kind {
        name: "Attachment",
        leaves: &[
            "id",
            "databaseId",
            "filename",
            "contentType",
            "size",
            "sha256",
            "url",
            "createdAt",
        ],
        objects: &[("owner", "User"), ("task", "Task")],
    },
    Kind {
        name: "TaskEvent",
        leaves: &["cursor", "type", "occurredAt", "taskId", "previousStatus", "status"],
        objects: &[("actor", "User"), ("task", "Task"), ("changes", "TaskEventChange")],
    },
    Kind {
        name: "TaskEventChange",
        leaves: &["field", "from", "to"],
        objects: &[],
    },
    Kind {
        name: "Notification",
        leaves: &[
            "id",
            "databaseId",
            "kind",
            "taskId",
            "taskTitle",
            "previousStatus",
            "status",
            "isRead",
            "readAt",
            "createdAt",
        ],
        objects: &[("actor", "User"), ("task", "Task")],
    },
    Kind {
        name: "Tag",
        leaves: &["name", "taskCount"],
        objects: &[],
    },
    Kind {
        name: "PageInfo",
        leaves: &["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"],
        objects: &[],
    },
    connection("TaskConnection", &[("nodes", "Task"), ("edges", "TaskEdge"), PAGE_INFO]),
    edge("TaskEdge", &[("node", "Task")]),
    connection("UserConnection", &[("nodes", "User"), ("edges", "UserEdge"), PAGE_INFO]),
    edge("UserEdge", &[("node", "User")]),
    connection(
        "TaskEventConnection",
        &[("nodes", "TaskEvent"), ("edges", "TaskEventEdge"), PAGE_INFO],
    ),
    edge("TaskEventEdge", &[("node", "TaskEvent")]),
    connection(
        "NotificationConnection",
        &[("nodes", "Notification"), ("edges", "NotificationEdge"), PAGE_INFO],
    ),
    edge("NotificationEdge", &[("node", "Notification")]),
    connection("TagConnection", &[("nodes", "Tag"), ("edges", "TagEdge"), PAGE_INFO]),
    edge("TagEdge", &[("node", "Tag")]),
    Kind {
        name: "Query",
        leaves: &[],
        objects: &[
            ("tasks", "TaskConnection"),
            ("some: tasks(first: 7)", "TaskConnection"),
            (
                "sorted: tasks(last: 9, orderBy: [{field: TITLE}], filter: {includeDeleted: true})",
                "TaskConnection",
            ),
            ("users", "UserConnection"),
            ("notifications", "NotificationConnection"),
            ("allTags: tags(first: 3)", "TagConnection"),
            ("viewer", "User"),
            ("user(id: $user)", "User"),
            ("task(id: $task)", "Task"),
            ("gone: task(id: \"nonsense\")", "Task"),
            ("taskHistory(id: $task)", "TaskEventConnection"),
            ("node(id: $task)", "Node"),
            ("somebody: node(id: $user)", "Node"),
            ("nodes(ids: [$task, $user, $file, $nothing])", "Node"),
        ],
    },
    interface("Node"),
];

const PAGE_INFO: (&str, &str) = ("pageInfo", "PageInfo");

const fn connection(name: &'static str, objects: &'static [(&'static str, &'static str)]) -> Kind {
    Kind {
        name,
        leaves: &["totalCount"],
        objects,
    }
}

const fn edge(name: &'static str, objects: &'static [(&'static str, &'static str)]) -> Kind {
    Kind {
        name,
        leaves: &["cursor"],
        objects,
    }
}

const fn interface(name: &'static str) -> Kind {
    Kind {
        name,
        leaves: &["id"],
        objects: &[],
    }
}

/// Makes documents of dice: the same dice make the same document, fewer a shorter one.
struct Author {
    dice: std::vec::IntoIter<u8>,
    fragments: Vec<(&'static str, String)>,
}

impl Author {
    fn document(dice: Vec<u8>) -> String {
        let mut author = Self {
            dice: dice.into_iter(),
            fragments: Vec::new(),
        };
        let fields = author.selection("Query", 0);
        let uses = "used: nodes(ids: [$task, $user, $file, $nothing]) @include(if: $yes) @skip(if: $no) { id }";
        let mut document = format!(
            "query($yes: Boolean!, $no: Boolean!, $task: ID!, $user: ID!, $file: ID!, $nothing: ID!) {{ {uses} {fields} }}"
        );
        for (number, (kind, fields)) in author.fragments.iter().enumerate() {
            document = format!("{document}\nfragment F{number} on {kind} {{ {fields} }}");
        }
        document
    }

    /// A number below this; 0 when there are no more dice.
    fn throw(&mut self, sides: usize) -> usize {
        usize::from(self.dice.next().unwrap_or_default()) % sides
    }

    fn selection(&mut self, name: &'static str, depth: usize) -> String {
        let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
        let mut parts = vec!["__typename".to_owned()];
        if name == "Node" {
            for on in ["Task", "User", "Attachment", "Notification"] {
                if self.throw(2) == 1 {
                    // Fields of one name have different types in different objects.
                    let alias = on.to_lowercase();
                    let field = kind_of(on).leaves[self.throw(kind_of(on).leaves.len())];
                    parts.push(format!("... on {on} {{ {alias}_{field}: {field} }}"));
                }
            }
            if depth < 4 && self.throw(3) == 1 {
                let fields = self.selection("User", depth + 1);
                parts.push(format!("... on Task {{ ownerOfTask: owner {{ {fields} }} }}"));
            }
        }
        for _ in 0..self.throw(7) {
            let part = self.part(kind, depth);
            let directive = ["", "", "", " @include(if: $yes)", " @skip(if: $no)"][self.throw(5)];
            parts.push(part.replacen('\u{0}', directive, 1));
        }
        parts.join(" ")
    }

    /// A field or a fragment, with a mark in the place of its directives.
    fn part(&mut self, kind: &'static Kind, depth: usize) -> String {
        match self.throw(10) {
            0 => "kindOfThis: __typename\u{0}".to_owned(),
            1 if depth < 6 && kind.name != "Node" => {
                format!(
                    "... on {}\u{0} {{ {} }}",
                    kind.name,
                    self.selection(kind.name, depth + 1)
                )
            }
            2 if depth < 6 => format!("...\u{0} {{ {} }}", self.selection(kind.name, depth + 1)),
            3 if depth < 6 && matches!(kind.name, "Task" | "User" | "Attachment" | "Notification") => {
                "... on Node\u{0} { id __typename nodeId: id }".to_owned()
            }
            4 if depth < 6 && kind.name != "Node" => {
                let known = self.fragments.iter().position(|(on, _)| *on == kind.name);
                let number = known.filter(|_| self.throw(2) == 0).unwrap_or_else(|| {
                    let fields = self.selection(kind.name, depth + 1);
                    self.fragments.push((kind.name, fields));
                    self.fragments.len() - 1
                });
                format!("...F{number}\u{0}")
            }
            5..=7 if depth < 6 && !kind.objects.is_empty() => {
                let (field, below) = kind.objects[self.throw(kind.objects.len())];
                format!("{field}\u{0} {{ {} }}", self.selection(below, depth + 1))
            }
            _ if kind.leaves.is_empty() => "__typename\u{0}".to_owned(),
            throw => {
                let field = kind.leaves[self.throw(kind.leaves.len())];
                let alias = if throw == 8 {
                    format!("the_{field}: ")
                } else {
                    String::new()
                };
                format!("{alias}{field}\u{0}")
            }
        }
    }
}

fn kind_of(name: &str) -> &'static Kind {
    KINDS.iter().find(|kind| kind.name == name).unwrap()
}

/// A server with people, tasks, files, changes and notifications, and the variables of the documents.
async fn populated(app: &TestApp) -> (Vec<SignedIn>, Json) {
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let assignees = [
        None,
        Some(bob.global_id()),
        Some(ann.global_id()),
        Some(eve.global_id()),
    ];
    let (mut tasks, mut file) = (Vec::new(), Json::Null);
    for number in 0..44_usize {
        app.advance(chrono::TimeDelta::seconds(5));
        let owner = [&ann, &ann, &bob, &eve][number / 3 % 4];
        let input = json!({
            "title": format!("Task {} \"{}\"", number * 7 % 44, ["a", "ö", "\u{1f980}"][number % 3]),
            "description": (number % 2 == 0).then_some("At length,\n\"quoted\""),
            "priority": (["LOW", "MEDIUM", "HIGH", "URGENT"][number % 4]),
            "dueDate": (number % 3 == 0).then_some("2026-01-15T12:30:00Z"),
            "dueOn": (number % 3 == 1).then_some("2026-01-15"),
            "assigneeId": assignees[number % 4],
            "tags": (["a", "b", "c"][..number % 4]),
        });
        let id = owner.creates_task(input).await;
        tasks.push(id);
        if number % 5 == 0 {
            let kept = owner.keeps(Some(id), &format!("{number}.txt"), b"content").await;
            file.clone_from(&kept["id"]);
        }
        if number % 4 == 1 {
            run(
                owner,
                "mutation($id: ID!) { taskTransition(id: $id, status: DONE) { userErrors { message } } }",
                id,
            )
            .await;
        }
        if number % 7 == 6 {
            run(
                owner,
                "mutation($id: ID!) { taskDelete(id: $id) { userErrors { message } } }",
                id,
            )
            .await;
        }
    }
    // What she did is still told when she is gone, but not by whom.
    let path = format!("/users/{}", eve.id);
    boss.rest(Method::DELETE, &path, Json::Null).await;
    let variables = json!({
        "task": global_id("Task", tasks[5]), "user": bob.global_id(), "file": file, "nothing": global_id("Task", 9_999),
    });
    let people = [(&ann, Role::User), (&bob, Role::User), (&boss, Role::Admin)];
    let signed_in = |(person, role): (&Person<'_>, Role)| SignedIn {
        id: UserId(person.id),
        role,
        session: SessionId(1),
        time_zone: DEFAULT_TIME_ZONE,
    };
    (people.map(signed_in).to_vec(), variables)
}

async fn run(person: &Person<'_>, mutation: &str, id: i64) {
    let answer = person.graphql(mutation, json!({ "id": global_id("Task", id) })).await;
    assert!(!answer.text.contains("message"), "{}", answer.text);
}

#[test]
fn the_way_of_rows_answers_every_document_as_the_library_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (app, people, variables) = runtime.block_on(async {
        let app = TestApp::start().await;
        let (people, variables) = populated(&app).await;
        (app, people, variables)
    });
    let settings = config(
        &app.database,
        &[
            ("GRAPHQL_MAX_COMPLEXITY", "1000000000"),
            ("GRAPHQL_MAX_FIELDS", "100000"),
        ],
    );
    let (schema, front) = (
        taskwire::graphql::schema(&settings.graphql),
        Front::new(&settings.graphql),
    );
    let (executed, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config {
        cases: 2_000,
        failure_persistence: None,
        ..Config::default()
    });
    let dice = prop::collection::vec(any::<u8>(), 0..300);
    runner
        .run(&(dice, 0..people.len(), any::<bool>()), |(dice, person, yes)| {
            let document = Author::document(dice);
            let mut variables = variables.clone();
            variables["yes"] = yes.into();
            variables["no"] = (!yes).into();
            // Random fragments may put fields with different arguments under one key.
            let Some(operation) = executable(&front, &document, variables.as_object()) else {
                refused.set(refused.get() + 1);
                return Ok(());
            };
            executed.set(executed.get() + 1);
            let asked = Asked {
                app: &app,
                schema: &schema,
                operation,
                variables,
                person: people[person],
            };
            let [library, rows] = [Way::Library, Way::Rows].map(|way| Told::by(&runtime.block_on(asked.answer(way))));
            prop_assert!(
                rows.says_the_same_as(&library, &document),
                "{document}\n{rows:#?}\nlibrary: {library:#?}"
            );
            Ok(())
        })
        .unwrap();
    assert!(refused.get() < executed.get() / 4, "{} refused", refused.get());
}

/// How rows are resolved.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Field by field.
    Library,
    /// Without a future a field.
    Rows,
}

struct Asked<'a> {
    app: &'a TestApp,
    schema: &'a Schema,
    operation: ExecutableDocument,
    variables: Json,
    person: SignedIn,
}

impl Asked<'_> {
    async fn answer(&self, way: Way) -> Response {
        let caller = Caller {
            actor: Actor::User(self.person),
            device: Device::default(),
            expires_at: None,
        };
        let context = RequestContext::new(
            self.app.app.domain().clone(),
            caller,
            None,
            Uploads::default(),
            Arc::new(AnswerSize::new(usize::MAX)),
        );
        let mut request = Request::new("")
            .variables(Variables::from_json(self.variables.clone()))
            .data(context);
        request.set_parsed_query(self.operation.clone());
        let request = match way {
            Way::Library => request.data(FieldByField),
            Way::Rows => request,
        };
        self.schema.execute(request).await
    }
}

/// What an answer tells.
#[derive(Debug)]
struct Told {
    data: String,
    errors: Vec<Json>,
    /// What must be told of the errors. They come in the order in which fields were done, and where a field takes
    /// its parent with it, what its neighbours would have told is lost or not: that is nobody's promise.
    least: BTreeSet<String>,
}

impl Told {
    fn by(response: &Response) -> Self {
        let answer = serde_json::to_value(response).unwrap();
        let errors = answer["errors"].as_array().cloned().unwrap_or_default();
        Self {
            least: errors.iter().map(|error| least(&answer["data"], error)).collect(),
            data: serde_json::to_string(&response.data).unwrap(),
            errors,
        }
    }

    fn says_the_same_as(&self, other: &Self, document: &str) -> bool {
        // Of two fields that take their list with them, the first to be done is told.
        let fails_once = document.matches("never:").count() <= 1 && !document.contains("\nfragment");
        let is_certain = fails_once && self.errors.len() == 1 && other.errors.len() == 1;
        let same_error = || field_of(&self.errors[0]) == field_of(&other.errors[0]);
        self.data == other.data && self.least == other.least && (!is_certain || same_error())
    }
}

/// The message of an error and its path, in whichever row of the lists it came first.
fn field_of(error: &Json) -> (&Json, Vec<&str>) {
    let path = error["path"].as_array().expect("a document that is executed");
    let segments = path.iter().map(|segment| segment.as_str().unwrap_or("a row"));
    (&error["message"], segments.collect())
}

fn least(data: &Json, error: &Json) -> String {
    let path = error["path"].as_array().expect("a document that is executed");
    let (mut at, mut rest, mut way) = (data, path.iter(), String::new());
    while !at.is_null() {
        let Some(segment) = rest.next() else { break };
        let inner = match segment.as_u64() {
            Some(index) => at.get(usize::try_from(index).unwrap()),
            None => at.get(segment.as_str().unwrap()),
        };
        // Of an object that was selected twice under one key, one was taken away with all its fields.
        let Some(inner) = inner else {
            return format!("something below {way}");
        };
        way = format!("{way}/{segment}");
        at = inner;
    }
    if rest.len() == 0 {
        error.to_string()
    } else {
        format!("something below {way}")
    }
}
