//! The doors before fields. They ask the same policy as the domain, early, so that a refusal is
//! cheap and the schema tells the rule; the locks are in the domain.

use async_graphql::{Context, Guard};

use super::context::ContextExt as _;
use super::error::Failure;
use crate::domain::error::Result;
use crate::domain::policy::{self, Directory};

fn door(result: Result<()>) -> async_graphql::Result<()> {
    Ok(result.map_err(Failure::from)?)
}

/// Lets in whoever is signed in.
pub struct SignedIn;

impl Guard for SignedIn {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        door(ctx.actor().signed_in().map(|_| ()))
    }
}

/// Lets administrators in.
pub struct AdminOnly;

impl Guard for AdminOnly {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        door(policy::scope::<Directory>(ctx.actor()).map(|_| ()))
    }
}
