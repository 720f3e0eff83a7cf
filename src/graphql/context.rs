//! What a request carries to its resolvers.

use async_graphql::Context;

use super::loader::Loaders;
use crate::domain::Domain;
use crate::domain::actor::Actor;
use crate::domain::session::Device;
use crate::http::caller::Caller;

/// What belongs to one request: who asks, and the look-ups made for them.
pub struct RequestContext {
    domain: Domain,
    caller: Caller,
    loaders: Loaders,
}

impl RequestContext {
    /// A context for one request of this caller.
    #[must_use]
    pub fn new(domain: Domain, caller: Caller) -> Self {
        let loaders = Loaders::new(&domain, caller.actor);
        Self {
            domain,
            caller,
            loaders,
        }
    }
}

/// Short names for what resolvers need.
pub trait ContextExt {
    /// The use cases.
    fn domain(&self) -> &Domain;
    /// Who asks.
    fn actor(&self) -> &Actor;
    /// From which device.
    fn device(&self) -> Device;
    /// The request's batched look-ups.
    fn loaders(&self) -> &Loaders;
}

impl ContextExt for Context<'_> {
    fn domain(&self) -> &Domain {
        &self.data_unchecked::<RequestContext>().domain
    }

    fn actor(&self) -> &Actor {
        &self.data_unchecked::<RequestContext>().caller.actor
    }

    fn device(&self) -> Device {
        self.data_unchecked::<RequestContext>().caller.device.clone()
    }

    fn loaders(&self) -> &Loaders {
        &self.data_unchecked::<RequestContext>().loaders
    }
}
