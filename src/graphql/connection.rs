//! Relay connections, with `nodes` in addition to `edges`.

use std::borrow::Cow;

use async_graphql::connection::PageInfo;
use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, Object, ObjectType, Positioned, TypeName};
use taskwire_macros::plain_fields;

use super::row::{Row, Rows, Single, fields_of};
use crate::domain::error::Result;
use crate::domain::page::{Page, PageRequest, RowPosition, Take};

/// The fields of a connection that contain its rows.
pub(super) const ROWS: [&str; 2] = ["nodes", "edges"];

/// The four pagination arguments of Relay: `first`, `after`, `last` and `before`.
pub struct PageArguments(pub Option<i32>, pub Option<String>, pub Option<i32>, pub Option<String>);

impl PageArguments {
    /// Converts the arguments. Rows are read only if they or `pageInfo` are selected, and rows beyond
    /// the given cursor only if `pageInfo` selects them.
    pub fn into_request(self, ctx: &Context<'_>) -> Result<PageRequest> {
        let Self(first, after, last, before) = self;
        let mut page = PageRequest::from_relay(first, after, last, before)?;
        let selected = ctx.look_ahead();
        let page_info = selected.field("pageInfo");
        page.probe = page_info.field("hasPreviousPage").exists() || page_info.field("hasNextPage").exists();
        if !page_info.exists() && !ROWS.iter().any(|rows| selected.field(rows).exists()) {
            // Only totals are selected.
            page.take = Take::First(0);
        }
        Ok(page)
    }
}

/// A page of rows, with additional fields such as `totalCount`.
#[derive(Debug)]
pub struct Connection<T, F> {
    edges: Vec<Edge<T>>,
    has_previous: bool,
    has_next: bool,
    fields: F,
}

/// A row and its position in the list.
#[derive(Debug)]
pub struct Edge<T> {
    position: RowPosition,
    node: T,
}

/// Converts a page to a connection.
pub fn connection<T, N, F>(page: Page<T>, fields: F, convert: impl Fn(T) -> N) -> Connection<N, F> {
    let edge = |(position, item)| Edge {
        position,
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
    /// First and last cursor of the page, and whether there are other pages.
    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(|edge| edge.position.encode()),
            end_cursor: self.edges.last().map(|edge| edge.position.encode()),
        }
    }

    /// Rows of the page, each with its cursor.
    async fn edges(&self) -> Rows<&Edge<T>> {
        Rows(self.edges.iter().collect())
    }

    /// Rows of the page, without cursors.
    async fn nodes(&self) -> Rows<&T> {
        Rows(self.edges.iter().map(|edge| &edge.node).collect())
    }

    #[graphql(flatten)]
    #[expect(clippy::unused_async, reason = "the library awaits flattened fields")]
    async fn fields(&self) -> &F {
        &self.fields
    }
}

impl<T: Row> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// A row of a connection, with its cursor.
#[plain_fields]
#[Object(name_type)]
impl<T: Row> Edge<T> {
    /// The row.
    async fn node(&self) -> Single<&T> {
        Single(&self.node)
    }

    /// Position of the row in the list, for `after` and `before`. Opaque; valid for the same order only.
    async fn cursor(&self) -> String {
        self.position.encode()
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
