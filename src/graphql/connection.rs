//! Pages as Relay connections, with `nodes` beside `edges`.

use async_graphql::connection::{Connection, Edge};
use async_graphql::{Context, ObjectType, OutputType};

use crate::domain::error::Result;
use crate::domain::page::{Page, PageRequest};

/// Relay's four arguments.
pub struct PageArguments {
    /// How many from the start.
    pub first: Option<i32>,
    /// Behind which cursor.
    pub after: Option<String>,
    /// How many from the end.
    pub last: Option<i32>,
    /// Before which cursor.
    pub before: Option<String>,
}

impl PageArguments {
    /// The page they ask for. What lies beyond the cursor one came from is looked up only if that is selected.
    pub fn into_request(self, ctx: &Context<'_>) -> Result<PageRequest> {
        let mut page = PageRequest::from_relay(self.first, self.after, self.last, self.before)?;
        let page_info = ctx.look_ahead().field("pageInfo");
        page.probe = page_info.field("hasPreviousPage").exists() || page_info.field("hasNextPage").exists();
        Ok(page)
    }
}

/// The connection of a page.
pub fn connection<T, N, F>(page: Page<T>, fields: F, convert: impl Fn(T) -> N) -> Connection<String, N, F>
where
    N: OutputType,
    F: ObjectType,
{
    let mut connection = Connection::with_additional_fields(page.has_previous, page.has_next, fields);
    connection.edges = page
        .items
        .into_iter()
        .map(|(cursor, item)| Edge::new(cursor, convert(item)))
        .collect();
    connection
}
