//! The use cases that read the tags of all visible tasks.

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::page::{Page, PageRequest};
use crate::domain::tag::TagCount;
use crate::domain::{policy, store};

use super::Tasks;

impl Tasks<'_> {
    /// One page of the tags of the visible tasks, without the trash, in alphabetical order.
    #[tracing::instrument(target = "taskwire::span", name = "task.tags", skip_all)]
    pub async fn tags(self, actor: &Actor, page: &PageRequest) -> Result<Page<TagCount>> {
        let scope = policy::scope(actor)?;
        store::tag::page(&self.core.store.reader(actor), &scope, page).await
    }

    /// The total number of different tags.
    #[tracing::instrument(target = "taskwire::span", name = "task.tag_count", skip_all)]
    pub async fn tag_count(self, actor: &Actor) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::tag::count(&self.core.store.reader(actor), &scope).await
    }
}
