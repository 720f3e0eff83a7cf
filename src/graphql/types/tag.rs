//! Tags in GraphQL.

use async_graphql::{Context, Object};
use taskwire_macros::plain_fields;

use crate::domain::tag::TagCount;
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::row::Row;

/// A short word in lower case that tasks have.
#[derive(Clone, Debug)]
pub struct Tag(TagCount);

impl From<TagCount> for Tag {
    fn from(tag: TagCount) -> Self {
        Self(tag)
    }
}

/// A short word in lower case that tasks have.
#[plain_fields]
#[Object]
impl Tag {
    /// The word.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How many of the tasks that you may see have it, without the trash.
    async fn task_count(&self) -> u64 {
        self.0.tasks
    }
}

impl Row for Tag {}

/// What a connection of tags knows beside its page.
#[derive(Debug)]
pub struct TagTotals;

#[Object]
impl TagTotals {
    /// How many tags there are on all pages together; counted only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = ctx.domain().tasks().tag_count(ctx.actor()).await?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// What can be read of tags.
#[derive(Debug, Default)]
pub struct TagQuery;

#[Object]
impl TagQuery {
    /// The tags of the tasks that you may see, without the trash, in alphabetical order.
    #[graphql(guard = "SignedIn")]
    async fn tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only tags behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only tags before this cursor.")] before: Option<String>,
    ) -> Option<Result<Connection<Tag, TagTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
        Some(all(ctx, page).await)
    }
}

async fn all(ctx: &Context<'_>, page: PageArguments) -> Result<Connection<Tag, TagTotals>> {
    let page = page.into_request(ctx)?;
    let tags = ctx.domain().tasks().tags(ctx.actor(), &page).await?;
    Ok(connection(tags, TagTotals, Tag::from))
}
