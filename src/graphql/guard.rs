//! Guards of fields. They check the policy of the domain before a resolver runs, so that rejection is cheap. The domain
//! checks again.

use async_graphql::{Context, Guard};

use super::context::ContextExt as _;
use super::error::Failure;
use crate::domain::error::Result;
use crate::domain::policy::{self, Directory};

fn check(result: Result<()>) -> async_graphql::Result<()> {
    Ok(result.map_err(Failure::from)?)
}

/// Requires a signed-in user.
pub struct SignedIn;

impl Guard for SignedIn {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        check(ctx.actor().signed_in().map(|_| ()))
    }
}

/// Requires an administrator.
pub struct AdminOnly;

impl Guard for AdminOnly {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        check(policy::scope::<Directory>(ctx.actor()).map(|_| ()))
    }
}
