//! Batched look-ups: what the rows of a page refer to is read in one statement a kind.
//!
//! Loaders belong to one request and one actor, and call scoped reads: nothing one may not see is
//! ever in them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::dataloader::{DataLoader, Loader};
use async_graphql::runtime::Timer;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::task::{FutureObj, Spawn, SpawnError};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::domain::actor::Actor;
use crate::domain::attachment::Attachment;
use crate::domain::error::Error;
use crate::domain::event::TaskEvent;
use crate::domain::id::{AttachmentId, NotificationId, SessionId, TaskId, UserId};
use crate::domain::notification::Notification;
use crate::domain::page::{Page, PageRequest};
use crate::domain::session::Session;
use crate::domain::tag::Tags;
use crate::domain::task::{People, TasksOf};
use crate::domain::user::User;
use crate::domain::{self, Domain};
use crate::telemetry::metric;

/// What a loader reads from, and for whom.
#[derive(Clone)]
struct LoaderContext {
    domain: Domain,
    actor: Actor,
}

/// One loader a kind, made when it is first asked for: most requests need few of them.
pub struct Loaders {
    sight: LoaderContext,
    /// Dropped with the request, and the batches that still run with it.
    request: watch::Sender<()>,
    users: OnceLock<Batched<UserLoader>>,
    tasks: OnceLock<Batched<TaskLoader>>,
    tags: OnceLock<Batched<TagLoader>>,
    notifications: OnceLock<Batched<NotificationLoader>>,
    sessions: OnceLock<Batched<SessionLoader>>,
    attachments: OnceLock<Batched<AttachmentLoader>>,
    attachments_of_tasks: OnceLock<Batched<AttachmentsOfTaskLoader>>,
    histories: OnceLock<Batched<HistoryLoader>>,
    history_counts: OnceLock<Batched<HistoryCountLoader>>,
    tasks_of_users: OnceLock<Batched<TasksOfUserLoader>>,
    task_counts_of_users: OnceLock<Batched<TaskCountOfUserLoader>>,
}

/// A loader whose batches are counted.
pub type Batched<L> = DataLoader<Metered<L>>;

impl Loaders {
    pub(super) fn new(domain: &Domain, actor: Actor) -> Self {
        Self {
            sight: LoaderContext {
                domain: domain.clone(),
                actor,
            },
            request: watch::Sender::new(()),
            users: OnceLock::new(),
            tasks: OnceLock::new(),
            tags: OnceLock::new(),
            notifications: OnceLock::new(),
            sessions: OnceLock::new(),
            attachments: OnceLock::new(),
            attachments_of_tasks: OnceLock::new(),
            histories: OnceLock::new(),
            history_counts: OnceLock::new(),
            tasks_of_users: OnceLock::new(),
            task_counts_of_users: OnceLock::new(),
        }
    }

    /// Users by id.
    pub fn users(&self) -> &Batched<UserLoader> {
        self.users
            .get_or_init(|| self.loader("users", UserLoader(self.sight.clone())))
    }

    /// Tasks by id.
    pub fn tasks(&self) -> &Batched<TaskLoader> {
        self.tasks
            .get_or_init(|| self.loader("tasks", TaskLoader(self.sight.clone())))
    }

    /// Tags by task.
    pub fn tags(&self) -> &Batched<TagLoader> {
        self.tags
            .get_or_init(|| self.loader("tags", TagLoader(self.sight.clone())))
    }

    /// Notifications by id.
    pub fn notifications(&self) -> &Batched<NotificationLoader> {
        self.notifications
            .get_or_init(|| self.loader("notifications", NotificationLoader(self.sight.clone())))
    }

    /// The actor's own sessions by id.
    pub fn sessions(&self) -> &Batched<SessionLoader> {
        self.sessions
            .get_or_init(|| self.loader("sessions", SessionLoader(self.sight.clone())))
    }

    /// Files by id.
    pub fn attachments(&self) -> &Batched<AttachmentLoader> {
        self.attachments
            .get_or_init(|| self.loader("attachments", AttachmentLoader(self.sight.clone())))
    }

    /// Files by task.
    pub fn attachments_of_tasks(&self) -> &Batched<AttachmentsOfTaskLoader> {
        self.attachments_of_tasks
            .get_or_init(|| self.loader("attachments_of_tasks", AttachmentsOfTaskLoader(self.sight.clone())))
    }

    /// Pages of events by task.
    pub fn histories(&self) -> &Batched<HistoryLoader> {
        self.histories
            .get_or_init(|| self.loader("histories", HistoryLoader(self.sight.clone())))
    }

    /// Numbers of events by task.
    pub fn history_counts(&self) -> &Batched<HistoryCountLoader> {
        self.history_counts
            .get_or_init(|| self.loader("history_counts", HistoryCountLoader(self.sight.clone())))
    }

    /// Pages of tasks by user.
    pub fn tasks_of_users(&self) -> &Batched<TasksOfUserLoader> {
        self.tasks_of_users
            .get_or_init(|| self.loader("tasks_of_users", TasksOfUserLoader(self.sight.clone())))
    }

    /// Numbers of tasks by user.
    pub fn task_counts_of_users(&self) -> &Batched<TaskCountOfUserLoader> {
        self.task_counts_of_users
            .get_or_init(|| self.loader("task_counts_of_users", TaskCountOfUserLoader(self.sight.clone())))
    }

    /// The default is to wait a millisecond for more keys, at each level of a query. Resolvers of one
    /// level run in one poll of the request's task; once that has yielded, all keys are there.
    fn loader<T>(&self, name: &'static str, loader: T) -> Batched<T> {
        let spawner = Spawner {
            runtime: Handle::current(),
            request: self.request.subscribe(),
        };
        DataLoader::new(Metered { name, loader }, spawner, Yield)
    }
}

/// Counts the batches of a loader.
pub struct Metered<T> {
    name: &'static str,
    loader: T,
}

impl<K, T> Loader<K> for Metered<T>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    T: Loader<K>,
{
    type Value = T::Value;
    type Error = T::Error;

    async fn load(&self, keys: &[K]) -> Result<HashMap<K, Self::Value>, Self::Error> {
        metrics::histogram!(metric::LOADER_BATCH, "loader" => self.name).record(metric::number(keys.len()));
        self.loader.load(keys).await
    }
}

/// Spawns batches in the trace of their request. They end with it, so that no statement runs for a client that is gone.
struct Spawner {
    runtime: Handle,
    request: watch::Receiver<()>,
}

impl Spawn for Spawner {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        let mut request = self.request.clone();
        let batch = async move {
            tokio::select! {
                biased;
                () = future => {}
                // Nothing is ever sent: it only ends.
                _ = request.changed() => {}
            }
        };
        self.runtime.spawn(batch.in_current_span());
        Ok(())
    }
}

/// Waits until the tasks that are ready have had their turn, however long that is.
struct Yield;

impl Timer for Yield {
    fn delay(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        tokio::task::yield_now().boxed()
    }
}

/// Users by id, as far as the actor sees them.
pub struct UserLoader(LoaderContext);

impl Loader<UserId> for UserLoader {
    type Value = Arc<User>;
    type Error = Error;

    async fn load(&self, keys: &[UserId]) -> Result<HashMap<UserId, Arc<User>>, Error> {
        let users = self.0.domain.users().find_many(&self.0.actor, keys).await?;
        Ok(users.into_iter().map(|user| (user.id, Arc::new(user))).collect())
    }
}

/// Tasks by id, as far as the actor sees them.
pub struct TaskLoader(LoaderContext);

impl Loader<TaskId> for TaskLoader {
    type Value = Arc<domain::task::Task>;
    type Error = Error;

    async fn load(&self, keys: &[TaskId]) -> Result<HashMap<TaskId, Self::Value>, Error> {
        let tasks = self.0.domain.tasks().find_many(&self.0.actor, keys).await?;
        Ok(tasks.into_iter().map(|task| (task.id, Arc::new(task))).collect())
    }
}

/// Tags by task, as far as the actor sees it.
pub struct TagLoader(LoaderContext);

impl Loader<TaskId> for TagLoader {
    type Value = Tags;
    type Error = Error;

    async fn load(&self, keys: &[TaskId]) -> Result<HashMap<TaskId, Tags>, Error> {
        Ok(self
            .0
            .domain
            .tasks()
            .tags_of(&self.0.actor, keys)
            .await?
            .into_iter()
            .collect())
    }
}

/// Notifications by id, as far as they are the actor's.
pub struct NotificationLoader(LoaderContext);

impl Loader<NotificationId> for NotificationLoader {
    type Value = Notification;
    type Error = Error;

    async fn load(&self, keys: &[NotificationId]) -> Result<HashMap<NotificationId, Notification>, Error> {
        let found = self.0.domain.notifications().find_many(&self.0.actor, keys).await?;
        Ok(found.into_iter().map(|one| (one.id, one)).collect())
    }
}

/// Sessions by id, as far as they are the actor's and have not ended.
pub struct SessionLoader(LoaderContext);

impl Loader<SessionId> for SessionLoader {
    type Value = Session;
    type Error = Error;

    async fn load(&self, keys: &[SessionId]) -> Result<HashMap<SessionId, Session>, Error> {
        let own = self.0.domain.sessions().own(&self.0.actor).await?.into_iter();
        let wanted = own.filter(|session| keys.contains(&session.id));
        Ok(wanted.map(|session| (session.id, session)).collect())
    }
}

/// Files by id, as far as the actor sees them.
pub struct AttachmentLoader(LoaderContext);

impl Loader<AttachmentId> for AttachmentLoader {
    type Value = Attachment;
    type Error = Error;

    async fn load(&self, keys: &[AttachmentId]) -> Result<HashMap<AttachmentId, Attachment>, Error> {
        let files = self.0.domain.attachments().find_many(&self.0.actor, keys).await?;
        Ok(files.into_iter().map(|file| (file.id, file)).collect())
    }
}

/// Files by task, as far as the actor sees it.
pub struct AttachmentsOfTaskLoader(LoaderContext);

impl Loader<TaskId> for AttachmentsOfTaskLoader {
    type Value = Vec<Attachment>;
    type Error = Error;

    async fn load(&self, keys: &[TaskId]) -> Result<HashMap<TaskId, Vec<Attachment>>, Error> {
        let files = self.0.domain.attachments().of_tasks(&self.0.actor, keys).await?;
        Ok(files.into_iter().collect())
    }
}

/// What is read together: parents for which a field has the same arguments.
fn by_arguments<P: Copy, A: Eq + Hash>(keys: &[(P, A)]) -> HashMap<&A, Vec<P>> {
    let mut parents: HashMap<&A, Vec<P>> = HashMap::new();
    for (parent, arguments) in keys {
        parents.entry(arguments).or_default().push(*parent);
    }
    parents
}

/// What became of reading for some parents, by key. Arguments that are refused are so for these
/// parents alone: the same field with others, under another alias, still gets its answer.
fn answers<P, A: Clone, V>(
    arguments: &A,
    parents: Vec<P>,
    outcome: Result<Vec<(P, V)>, Error>,
) -> Vec<((P, A), Result<V, Error>)> {
    match outcome {
        Ok(found) => found
            .into_iter()
            .map(|(parent, value)| ((parent, arguments.clone()), Ok(value)))
            .collect(),
        Err(error) => parents
            .into_iter()
            .map(|parent| ((parent, arguments.clone()), Err(error.clone())))
            .collect(),
    }
}

/// Pages of events by task, as far as the actor sees it.
pub struct HistoryLoader(LoaderContext);

impl Loader<(TaskId, PageRequest)> for HistoryLoader {
    type Value = Result<Page<TaskEvent>, Error>;
    type Error = Error;

    async fn load(&self, keys: &[(TaskId, PageRequest)]) -> Result<HashMap<(TaskId, PageRequest), Self::Value>, Error> {
        let mut found = HashMap::new();
        for (page, tasks) in by_arguments(keys) {
            let outcome = self.0.domain.tasks().histories(&self.0.actor, &tasks, page).await;
            found.extend(answers(page, tasks, outcome));
        }
        Ok(found)
    }
}

/// Numbers of events by task, as far as the actor sees it.
pub struct HistoryCountLoader(LoaderContext);

impl Loader<TaskId> for HistoryCountLoader {
    type Value = u64;
    type Error = Error;

    async fn load(&self, keys: &[TaskId]) -> Result<HashMap<TaskId, u64>, Error> {
        let counts = self.0.domain.tasks().history_counts(&self.0.actor, keys).await?;
        Ok(counts.into_iter().collect())
    }
}

/// Pages of tasks by user, as far as the actor sees them.
pub struct TasksOfUserLoader(LoaderContext);

/// A user, and which page of their tasks.
type TasksOfUser = (UserId, Arc<PageOfTasks>);

/// Which page of which of a user's tasks.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PageOfTasks {
    /// Which tasks.
    pub of: TasksOf,
    /// Which page of them.
    pub page: PageRequest,
    /// Whether those who take part in them are wanted, and nothing but their names.
    pub with_people: bool,
}

/// A task of a page.
#[derive(Clone, Debug)]
pub struct ListedTask {
    /// The task.
    pub task: Arc<domain::task::Task>,
    /// Its owner and assignee, where they were read with it.
    pub people: Option<(Arc<User>, Option<Arc<User>>)>,
}

impl From<domain::task::Task> for ListedTask {
    fn from(task: domain::task::Task) -> Self {
        Self {
            task: Arc::new(task),
            people: None,
        }
    }
}

impl From<(domain::task::Task, People)> for ListedTask {
    fn from((task, people): (domain::task::Task, People)) -> Self {
        Self {
            people: Some((Arc::new(people.owner), people.assignee.map(Arc::new))),
            ..task.into()
        }
    }
}

impl Loader<TasksOfUser> for TasksOfUserLoader {
    type Value = Result<Page<ListedTask>, Error>;
    type Error = Error;

    async fn load(&self, keys: &[TasksOfUser]) -> Result<HashMap<TasksOfUser, Self::Value>, Error> {
        let mut found = HashMap::new();
        for (arguments, users) in by_arguments(keys) {
            let lists = self.lists(&users, arguments).await;
            found.extend(answers(arguments, users, lists));
        }
        Ok(found)
    }
}

impl TasksOfUserLoader {
    async fn lists(
        &self,
        users: &[UserId],
        PageOfTasks { of, page, with_people }: &PageOfTasks,
    ) -> Result<Vec<(UserId, Page<ListedTask>)>, Error> {
        let LoaderContext { domain, actor } = &self.0;
        Ok(if *with_people {
            let lists = domain
                .tasks()
                .lists_of_users_with_people(actor, users, of, page)
                .await?;
            each(lists)
        } else {
            each(domain.tasks().lists_of_users(actor, users, of, page).await?)
        })
    }
}

/// The pages of each user, with tasks that are cheap to clone.
fn each<T: Into<ListedTask>>(lists: Vec<(UserId, Page<T>)>) -> Vec<(UserId, Page<ListedTask>)> {
    let lists = lists.into_iter();
    lists.map(|(user, page)| (user, page.map(T::into))).collect()
}

/// Numbers of tasks by user, as far as the actor sees them.
pub struct TaskCountOfUserLoader(LoaderContext);

impl Loader<(UserId, TasksOf)> for TaskCountOfUserLoader {
    type Value = Result<u64, Error>;
    type Error = Error;

    async fn load(&self, keys: &[(UserId, TasksOf)]) -> Result<HashMap<(UserId, TasksOf), Self::Value>, Error> {
        let mut found = HashMap::new();
        for (of, users) in by_arguments(keys) {
            let outcome = self.0.domain.tasks().counts_of_users(&self.0.actor, &users, of).await;
            found.extend(answers(of, users, outcome));
        }
        Ok(found)
    }
}
