//! The access policy as a readable table: `tests/it/policy_matrix.txt`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{TimeZone as _, Utc};
use taskwire::domain::actor::{Actor, Role, SignedIn};
use taskwire::domain::error::{Error, SignedOut};
use taskwire::domain::id::{SessionId, TaskId, UserId};
use taskwire::domain::local_time::DEFAULT_TIME_ZONE;
use taskwire::domain::policy::{self, Action, ResourceType, Visibility};
use taskwire::domain::tag::Tags;
use taskwire::domain::task::workflow::Status;
use taskwire::domain::task::{Priority, Task};
use taskwire::domain::user::User;

use crate::noun;

pub const OWNER: UserId = UserId(1);
pub const ASSIGNEE: UserId = UserId(2);
pub const OTHER: UserId = UserId(3);
const ADMIN: UserId = UserId(4);

/// A task of [`OWNER`], assigned to [`ASSIGNEE`].
pub fn task() -> Task {
    let moment = Utc.with_ymd_and_hms(2026, 1, 15, 12, 0, 0).unwrap();
    Task {
        id: TaskId(1),
        title: "A task".to_owned(),
        description: None,
        status: Status::Todo,
        priority: Priority::Medium,
        due_date: None,
        due_on: None,
        owner_id: OWNER,
        assignee_id: Some(ASSIGNEE),
        tags: Tags::new(),
        client_key: None,
        version: 1,
        completed_at: None,
        deleted_at: None,
        created_at: moment,
        updated_at: moment,
    }
}

/// The account of [`OWNER`].
pub fn account() -> User {
    User {
        id: OWNER,
        username: None,
        full_name: None,
        account: None,
    }
}

/// The columns of the table. For an account, "owner" is the account's user.
fn actors() -> Vec<(&'static str, Actor)> {
    let user = |id, role| {
        Actor::User(SignedIn {
            id,
            role,
            session: SessionId(1),
            time_zone: DEFAULT_TIME_ZONE,
            users: None,
        })
    };
    vec![
        ("anonymous", Actor::Anonymous(SignedOut::NoToken)),
        ("other", user(OTHER, Role::User)),
        ("assignee", user(ASSIGNEE, Role::User)),
        ("owner", user(OWNER, Role::User)),
        ("admin", user(ADMIN, Role::Admin)),
        ("system", Actor::System),
    ]
}

pub struct Matrix {
    text: String,
    actions: BTreeSet<String>,
}

impl Matrix {
    pub fn heading(&mut self, title: &str) {
        write!(self.text, "\n{title:<22}").unwrap();
        for (name, _) in actors() {
            write!(self.text, "{name:<17}").unwrap();
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    fn row(&mut self, name: &str, cell: impl Fn(&Actor) -> String) {
        write!(self.text, "{name:<22}").unwrap();
        for (_, actor) in actors() {
            write!(self.text, "{:<17}", cell(&actor)).unwrap();
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
    }

    /// Adds an action; `form` is appended to its name if it has several forms.
    pub fn action<A: Action + Copy>(&mut self, form: &str, action: A, on: &A::On) {
        let debug = format!("{action:?}");
        let name = debug.split([' ', '{']).next().unwrap();
        self.actions.insert(name.to_owned());
        self.row(format!("{name} {form}").trim(), |actor| {
            verdict(policy::permit(actor, action, on).map(|_| ()))
        });
    }

    pub fn visible<R: ResourceType>(&mut self, name: &str) {
        self.row(name, |actor| match policy::scope::<R>(actor) {
            Ok(scope) => match scope.visibility() {
                Visibility::Everything => "everything".to_owned(),
                Visibility::Of(_) => "own".to_owned(),
            },
            Err(error) => verdict(Err(error)),
        });
    }
}

fn verdict(result: Result<(), Error>) -> String {
    match result {
        Ok(()) => "yes".to_owned(),
        Err(error) => error.code().as_str().to_owned(),
    }
}

#[test]
fn the_policy_matches_the_table() {
    let mut matrix = Matrix {
        text: String::from("Who may do what. Compared with the policy by a test.\n"),
        actions: BTreeSet::new(),
    };
    for noun in noun::ALL {
        (noun.actions)(&mut matrix);
    }
    matrix.heading("THE SERVER");
    matrix.row("System", |actor| verdict(policy::system(actor).map(|_| ())));
    matrix.heading("WHAT IS SEEN");
    for noun in noun::ALL {
        (noun.scopes)(&mut matrix);
    }

    let rules = noun::ALL.iter().flat_map(|noun| noun.rules.concat());
    let actions: BTreeSet<String> = rules.map(str::to_owned).collect();
    assert_eq!(matrix.actions, actions, "an action has no row in the table or no rule");
    let written = include_str!("policy_matrix.txt");
    assert!(written == matrix.text, "the policy is now:\n{}", matrix.text);
}
