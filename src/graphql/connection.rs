//! Pages as Relay connections, with `nodes` beside `edges`.

use std::borrow::Cow;

use async_graphql::connection::PageInfo;
use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, Object, ObjectType, Positioned, TypeName};
use taskwire_macros::plain_fields;

use super::row::{Row, Rows, Single, fields_of};
use crate::domain::error::Result;
use crate::domain::page::{Page, PageRequest, RowPosition};

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

/// A page of rows, and what is known beside it.
#[derive(Debug)]
pub struct Connection<T, F> {
    edges: Vec<Edge<T>>,
    has_previous: bool,
    has_next: bool,
    fields: F,
}

/// A row with its place in the list.
#[derive(Debug)]
pub struct Edge<T> {
    place: RowPosition,
    node: T,
}

/// The connection of a page.
pub fn connection<T, N, F>(page: Page<T>, fields: F, convert: impl Fn(T) -> N) -> Connection<N, F> {
    let edge = |(place, item)| Edge {
        place,
        node: convert(item),
    };
    Connection {
        edges: page.items.into_iter().map(edge).collect(),
        has_previous: page.has_previous,
        has_next: page.has_next,
        fields,
    }
}

impl<T: Row, F: Send + Sync> TypeName for Connection<T, F> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

#[Object(name_type)]
impl<T: Row, F: ObjectType> Connection<T, F> {
    /// Information to aid in pagination.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.place.encode()),
            end_cursor: self.edges.last().map(|edge| edge.place.encode()),
        }
    }

    /// A list of edges.
    async fn edges(&self) -> Rows<&Edge<T>> {
        Rows(self.edges.iter().collect())
    }

    /// A list of nodes.
    async fn nodes(&self) -> Rows<&T> {
        Rows(self.edges.iter().map(|edge| &edge.node).collect())
    }

    #[graphql(flatten)]
    #[expect(clippy::unused_async, reason = "the library waits for what it flattens")]
    async fn fields(&self) -> &F {
        &self.fields
    }
}

impl<T: Row> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// An edge in a connection.
#[plain_fields]
#[Object(name_type)]
impl<T: Row> Edge<T> {
    /// The item at the end of the edge
    async fn node(&self) -> Single<&T> {
        Single(&self.node)
    }

    /// A cursor for use in pagination
    async fn cursor(&self) -> String {
        self.place.encode()
    }
}

impl<T: Row> Row for Edge<T> {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let nodes: Vec<&T> = rows.iter().map(|edge| &edge.node).collect();
        let node = fields.iter().filter(|field| field.node.name.node == "node");
        let fields: Vec<_> = node
            .flat_map(|field| fields_of(&field.node.selection_set.node))
            .collect();
        T::prefetch(&nodes, &fields, ctx).await;
    }
}
