//! GraphQL types of tags.

use async_graphql::{Context, Object};
use taskwire_macros::plain_fields;

use crate::domain::tag::TagCount;
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::row::Row;

/// A tag, with the number of its tasks.
#[derive(Clone, Debug)]
pub struct Tag(TagCount);

impl From<TagCount> for Tag {
    fn from(tag: TagCount) -> Self {
        Self(tag)
    }
}

/// A label of tasks.
#[plain_fields]
#[Object]
impl Tag {
    /// Name of the tag: 1 to 50 characters, in lower case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Number of tasks with this tag that are visible to you, without the trash.
    async fn task_count(&self) -> u64 {
        self.0.tasks
    }
}

impl Row for Tag {}

/// Totals of a list of tags.
#[derive(Debug)]
pub struct TagTotals;

#[Object]
impl TagTotals {
    /// Number of tags on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.domain().tasks().tag_count(ctx.actor()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// Queries for tags.
#[derive(Debug, Default)]
pub struct TagQuery;

#[Object]
impl TagQuery {
    /// Tags of the tasks that are visible to you, without the trash, in alphabetical order.
    #[graphql(guard = "SignedIn")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N tags, 0 to 100. Default: 50, unless `last` is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Returns tags after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N tags, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns tags before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<Tag, TagTotals>>> {
        let page = PageArguments(first, after, last, before);
        Some(all(ctx, page).await)
    }
}

async fn all(ctx: &Context<'_>, page: PageArguments) -> Result<Connection<Tag, TagTotals>> {
    let page = page.into_request(ctx)?;
    let tags = ctx.domain().tasks().tags(ctx.actor(), &page).await?;
    Ok(connection(tags, TagTotals, Tag::from))
}
