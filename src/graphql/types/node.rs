//! Lookups by global id. The list of the types is in the parent module.

use async_graphql::{Context, ID, Object};
use futures_util::future::try_join_all;

use super::Node;
use crate::domain::error::{Error, Result};
use crate::domain::id::Identifier;
use crate::graphql::context::ContextExt as _;
use crate::graphql::error;
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::Batch;
use crate::graphql::node::GlobalId as _;

/// Defines [`Node`]: each type of objects with a global id, with the loader that finds them by id.
macro_rules! nodes {
    ($($(#[$doc:meta])* $name:ident($loader:ident);)*) => {
        /// An object with a global id. The queries `node` and `nodes` return it.
        #[derive(Clone, Debug, ::async_graphql::Interface)]
        #[graphql(field(
            name = "id",
            ty = "::async_graphql::ID",
            desc = "Global id: opaque, unique over all types, accepted by `node`."
        ))]
        pub enum Node {
            $($(#[$doc])* $name($name),)*
        }

        impl Node {
            /// Concurrent calls share one batch for each type.
            async fn find(
                ctx: &::async_graphql::Context<'_>,
                path: &str,
                id: &::async_graphql::ID,
            ) -> $crate::domain::error::Result<Option<Self>> {
                $(
                    if let Some(found) = $crate::graphql::types::node::load::<$loader>(ctx, id).await {
                        return Ok(found?.map(|found| Self::$name(found.into())));
                    }
                )*
                Err($crate::graphql::node::wrong_id(path, id, &[$(stringify!($name)),*]))
            }
        }
    };
}
pub(super) use nodes;

const MAX_NODES: usize = 100;

/// Queries by global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// The object with this id. Null if it does not exist, is in the trash, or is not visible to you.
    #[graphql(guard = "SignedIn")]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of an object, such as a task.")] id: ID,
    ) -> Option<error::Result<Node>> {
        Node::find(ctx, "id", &id).await.map_err(Into::into).transpose()
    }

    /// The objects with these ids, in the order of `ids`. An element is null if the object does not exist, is in the
    /// trash, or is not visible to you.
    #[graphql(guard = "SignedIn")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of objects, such as tasks, up to 100.")] ids: Vec<ID>,
    ) -> Option<error::Result<Vec<Option<Node>>>> {
        Some(find_all(ctx, &ids).await.map_err(Into::into))
    }
}

async fn find_all(ctx: &Context<'_>, ids: &[ID]) -> Result<Vec<Option<Node>>> {
    if ids.len() > MAX_NODES {
        let message = format!("ids: {} ids were given; up to {MAX_NODES} are allowed", ids.len());
        return Err(Error::bad_input("ids", message));
    }
    let nodes = ids.iter().enumerate();
    let nodes = nodes.map(async |(position, id)| Node::find(ctx, &format!("ids.{position}"), id).await);
    try_join_all(nodes).await
}

/// `None` if the global id is of another type than the loader.
pub(super) async fn load<B>(ctx: &Context<'_>, id: &ID) -> Option<Result<Option<B::Value>>>
where
    B: Batch,
    B::Key: Identifier,
{
    let key = B::Key::parse_global(id)?;
    Some(ctx.loaders().load::<B>(key).await)
}
