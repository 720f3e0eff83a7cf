//! Tasks with those who take part in them, by name alone: that much every signed-in user may see, and it is read with
//! the task. Their tags are, too, where they are wanted.

use crate::domain::page::Page;
use crate::domain::policy::{Scope, Users};
use crate::domain::tag::Tags;
use crate::domain::user::User;

use super::Task;

/// Those who take part in a task, without their accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Whose it is.
    pub owner: User,
    /// Who is to do it.
    pub assignee: Option<User>,
    /// The owner's address; only where the actor may see it.
    pub owner_email: Option<String>,
    /// The assignee's address; only where the actor may see it.
    pub assignee_email: Option<String>,
}

impl People {
    /// The same without the addresses that the actor may not see.
    pub(super) fn seen_by(mut self, scope: &Scope<Users>) -> Self {
        let is_seen = |user: &User| scope.sees_account(user.id);
        self.owner_email = self.owner_email.filter(|_| is_seen(&self.owner));
        self.assignee_email = self
            .assignee_email
            .filter(|_| self.assignee.as_ref().is_some_and(is_seen));
        self
    }
}

/// A task with those who take part in it.
pub type WithPeople = (Task, People);

/// The same with its tags.
pub type FullTask = (WithPeople, Tags);

/// A page of a list, and how many tasks the whole list has: if there are none on the page, that is not known.
#[derive(Clone, Debug)]
pub struct CountedPage {
    /// The page.
    pub page: Page<FullTask>,
    /// How many tasks there are on all pages.
    pub total: Option<u64>,
}
