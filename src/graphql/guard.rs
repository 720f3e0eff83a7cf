//! Guards of fields. They check the policy of the domain before a resolver runs, so that rejection is cheap. The domain
//! checks again.

use async_graphql::{Context, Guard};

use super::context::ContextExt as _;
use super::error::Failure;
use crate::domain::policy::{self, Directory};

/// Requires a signed-in user.
pub struct SignedIn;

impl Guard for SignedIn {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        ctx.actor().signed_in().map_err(Failure::from)?;
        Ok(())
    }
}

/// Requires an administrator.
pub struct AdminOnly;

impl Guard for AdminOnly {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        policy::scope::<Directory>(ctx.actor()).map_err(Failure::from)?;
        Ok(())
    }
}
