//! The cases of each noun, for the tests that treat all nouns alike. To add a noun, write one file with a `NOUN`, and
//! add it to the modules and, after its parent, to [`ALL`].
//!
//! | part of a `NOUN` | test |
//! |---|---|
//! | `fields`, `routes` | `coverage.rs`: each field and route refuses somebody |
//! | `pairs` | `parity`: GraphQL and REST have the same results |
//! | `actions`, `rules`, `scopes` | `policy.rs`: the policy matches `policy_matrix.txt` |
//! | `rows` | `graphql/rows.rs`: rows written as JSON equal resolved ones |
//! | `counts` | `support/footprint.rs`: what no refused request changes |
//! | `statements` | `queries.rs`: a page takes the same number of SQL statements at any size |
//!
//! Ids in cases are placeholders in capital letters, such as `TASK`; `prepare` creates the resources that they are for.
//! Other values of path parameters begin with a capital letter too.

use std::pin::Pin;

use serde_json::Value;

use crate::policy::Matrix;
use crate::support::person::{Person, global_id};

/// A table of pairs: caller, mutation with its arguments, REST request; then the error code if both are refused, and a
/// mutation by the owner before them.
macro_rules! pairs {
    ($($caller:ident: $graphql:literal, $rest:literal $(=> $code:literal)? $(, after $before:literal)?;)*) => {
        &[$($crate::noun::Pair {
            caller: $crate::noun::Caller::$caller,
            before: pairs!(@optional $($before)?),
            graphql: $graphql,
            rest: $rest,
            code: pairs!(@optional $($code)?),
        }),*]
    };
    (@optional) => { None };
    (@optional $value:literal) => { Some($value) };
}

// The modules use the macro above, so they come after it.
mod all_tasks;
mod attachment;
mod event;
mod idempotency;
mod job;
mod notification;
mod server;
mod session;
mod statistics;
mod tag;
pub mod task;
mod user;

/// All nouns, in the order of `policy_matrix.txt`.
pub const ALL: &[Noun] = &[
    task::NOUN,
    attachment::NOUN,
    all_tasks::NOUN,
    user::NOUN,
    session::NOUN,
    idempotency::NOUN,
    notification::NOUN,
    job::NOUN,
    event::NOUN,
    tag::NOUN,
    statistics::NOUN,
    server::NOUN,
];

#[derive(Clone, Copy)]
pub struct Noun {
    /// Creates the resources of the placeholders. Its arguments are their owner and, for tasks, their assignee.
    pub prepare: for<'a> fn(&'a Person<'a>, &'a Person<'a>) -> Prepared<'a>,
    pub fields: &'static [Field],
    pub routes: &'static [Route],
    pub pairs: Option<Pairs>,
    /// Adds the rows of its actions to the policy table.
    pub actions: fn(&mut Matrix),
    /// The lists of the names of its actions.
    pub rules: &'static [&'static [&'static str]],
    /// Adds the rows of its resource types to the policy table.
    pub scopes: fn(&mut Matrix),
    pub rows: Option<Rows>,
    /// SQL queries of one number each.
    pub counts: &'static [&'static str],
    pub statements: &'static [Statements],
}

impl Noun {
    /// A noun without cases.
    pub const NONE: Self = Self {
        prepare: nothing,
        fields: &[],
        routes: &[],
        pairs: None,
        actions: |_| {},
        rules: &[],
        scopes: |_| {},
        rows: None,
        counts: &[],
        statements: &[],
    };
}

pub type Prepared<'a> = Pin<Box<dyn Future<Output = Vec<Id>> + 'a>>;

fn nothing<'a>(_: &'a Person<'a>, _: &'a Person<'a>) -> Prepared<'a> {
    Box::pin(async { Vec::new() })
}

/// A root field: its name, the document text after the name, and its refusals. A mutation without a selection selects
/// the codes of its user errors.
pub type Field = (&'static str, &'static str, Refusals);

/// A route: method and path, body, and its refusals.
pub type Route = (&'static str, &'static str, Refusals);

/// A query of the owner with one root field, a list that has `nodes`, and its number of SQL statements. `SIZE` is the
/// size of the page.
pub type Statements = (&'static str, u64);

/// Error codes for a caller who is not signed in, and for a stranger: a user who is neither a participant, nor the
/// account's user, nor an administrator. `None` is no refusal.
pub type Refusals = (Option<&'static str>, Option<&'static str>);

/// Shows only the caller's own connection. No other field should have this without a reason.
pub const FOR_EVERYBODY: Refusals = (None, None);
pub const SIGNED_IN: Refusals = (Some("UNAUTHENTICATED"), None);
pub const NOT_FOUND: Refusals = (Some("UNAUTHENTICATED"), Some("NOT_FOUND"));
pub const FORBIDDEN: Refusals = (Some("UNAUTHENTICATED"), Some("FORBIDDEN"));
pub const BAD_CREDENTIALS: Refusals = (Some("INVALID_CREDENTIALS"), None);

/// Requests that do the same in both APIs, to a resource that `prepare` creates for each of them.
#[derive(Clone, Copy)]
pub struct Pairs {
    /// The placeholder of the resource, or of its parent if the mutations name that.
    pub id: &'static str,
    /// The path of the resource in REST, or of the list that it is in.
    pub path: &'static str,
    /// The resource's field in payloads.
    pub payload: &'static str,
    /// The GraphQL fields that REST has too.
    pub selection: &'static str,
    /// Converts the selected fields to the format of REST.
    pub to_rest: fn(&Value) -> Value,
    /// Removes the fields of REST that GraphQL does not have, from one resource.
    pub rest_fields: fn(&Value) -> Value,
    /// Messages with names or ids that differ: of GraphQL, and of REST.
    pub messages: &'static [(&'static str, &'static str)],
    pub cases: &'static [Pair],
}

#[derive(Clone, Copy)]
pub struct Pair {
    pub caller: Caller,
    /// A mutation by the owner before the request.
    pub before: Option<&'static str>,
    /// A mutation with its arguments.
    pub graphql: &'static str,
    /// Method, path and body.
    pub rest: &'static str,
    /// The expected error code; `None` on success.
    pub code: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub enum Caller {
    Owner,
    Assignee,
    Stranger,
    Admin,
    Anonymous,
}

/// Queries of a type's rows.
#[derive(Clone, Copy)]
pub struct Rows {
    /// The name by which queries select all plain fields of the type.
    pub name: &'static str,
    pub fields: &'static str,
    /// Queries, with `@` where an asynchronous field can be selected, and that field.
    pub queries: &'static [(&'static str, &'static str)],
}

/// A resource, under the name that cases have for it. No name may be part of another one.
pub struct Id {
    name: &'static str,
    graphql: String,
    rest: String,
}

impl Id {
    /// `kind` is the GraphQL type.
    pub fn new(name: &'static str, kind: &str, number: i64) -> Self {
        Self {
            name,
            graphql: global_id(kind, number),
            rest: number.to_string(),
        }
    }
}

/// The resources of a test. `USER` is their owner.
pub struct Ids(Vec<Id>);

impl Ids {
    pub async fn create(nouns: &[Noun], owner: &Person<'_>, assignee: &Person<'_>) -> Self {
        let mut ids = vec![Id::new("USER", "User", owner.id.into())];
        for noun in nouns {
            ids.extend((noun.prepare)(owner, assignee).await);
        }
        Self(ids)
    }

    /// Replaces the placeholders in a GraphQL document.
    pub fn in_graphql(&self, document: &str) -> String {
        let ids = self.0.iter();
        ids.fold(document.to_owned(), |document, id| {
            document.replace(id.name, &format!("\"{}\"", id.graphql))
        })
    }

    /// Replaces the placeholders in a path or body of REST.
    pub fn in_rest(&self, text: &str) -> String {
        let ids = self.0.iter();
        ids.fold(text.to_owned(), |text, id| text.replace(id.name, &id.rest))
    }

    /// Replaces one id, of either API, by its placeholder. It is not replaced inside of a longer number or global id.
    pub fn without(&self, name: &str, text: &str) -> String {
        let id = self.0.iter().find(|id| id.name == name).unwrap();
        let is_separator = |character: char| !character.is_alphanumeric();
        let parts = text.split_inclusive(is_separator).map(|part| {
            let word = part.trim_end_matches(is_separator);
            if word == id.graphql || word == id.rest {
                part.replace(word, name)
            } else {
                part.to_owned()
            }
        });
        parts.collect()
    }

    /// The number of a resource, if this test has it.
    pub fn number(&self, name: &str) -> Option<i64> {
        let id = self.0.iter().find(|id| id.name == name)?;
        id.rest.parse().ok()
    }
}
