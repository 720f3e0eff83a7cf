//! The domain: all rules, including authorization. Both APIs call its use cases through [`Domain`]. Only
//! [`External`](external::External) is separate: handlers get it from `AppState`.
//!
//! | module | content |
//! |---|---|
//! | [`actor`] | the user or process that acts |
//! | [`policy`] | authorization: permits for writes, scopes for reads |
//! | [`error`] | the error type and its codes |
//! | [`task`], [`tag`], [`statistics`] | tasks, tags and statistics |
//! | [`attachment`] | files and their storage |
//! | [`user`], [`session`], [`token`], `password` | accounts and authentication |
//! | [`event`], [`notification`] | the event log, and notifications |
//! | [`live`] | live delivery to clients |
//! | [`backup`] | backup and restore |
//! | [`diagnosis`] | diagnosis of the database |
//! | [`seed`] | example data |
//! | [`job`], `mail` | background jobs, and sending mail |
//! | [`external`] | the call to an external service |
//! | [`idempotency`] | idempotency keys |
//! | [`page`], [`patch`], [`id`], [`network`] | keyset pagination, update fields, identifiers, client networks |
//! | [`clock`], [`random`] | sources of time and randomness |
//! | [`local_time`] | days and time zones |
//! | `named_enum` | enums whose variants have names |
//! | `store` | the database; private to the domain |

pub mod actor;
pub mod attachment;
pub mod backup;
pub mod clock;
pub mod diagnosis;
pub mod error;
pub mod event;
pub mod external;
pub mod id;
pub mod idempotency;
pub mod job;
pub mod live;
pub mod local_time;
pub(crate) mod mail;
mod named_enum;
pub mod network;
pub mod notification;
pub mod page;
mod password;
pub mod patch;
pub mod policy;
pub mod random;
mod search;
pub mod seed;
pub mod session;
mod share;
pub mod statistics;
mod store;
pub mod tag;
pub mod task;
pub mod token;
pub mod user;

pub use store::{
    DatabaseGauges, Engine, MigrationState, MissingRight, MissingRights, OpenTransaction, Pool, Pools, WriteFailure,
};

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;

use self::actor::Actor;
use self::attachment::storage::Storage;
use self::attachment::{Attachments, LinkSigner, Room};
use self::clock::Clock;
use self::diagnosis::Diagnosis;
use self::error::Result;
use self::event::Events;
use self::id::SessionId;
use self::idempotency::{Idempotency, RequestHasher};
use self::job::{Jobs, WorkerHandle};
use self::live::{Bus, Hub, Live};
use self::local_time::LocalNow;
use self::mail::Mailer;
use self::notification::Notifications;
use self::password::Passwords;
use self::random::Randomness;
use self::session::Sessions;
use self::share::Shares;
use self::store::Store;
use self::task::Tasks;
use self::token::{SigningKey, TokenSigner};
use self::user::Users;
use crate::config::{Config, UploadQuota};

/// Shared by the use cases.
#[derive(Debug)]
pub(crate) struct Core {
    store: Store,
    storage: Storage,
    upload_quota: UploadQuota,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    passwords: Passwords,
    /// Each session hashes one password at a time, so that one token cannot occupy all hashing threads.
    password_turns: Shares<SessionId>,
    tokens: TokenSigner,
    links: LinkSigner,
    request_hasher: RequestHasher,
    access_token_ttl: TimeDelta,
    refresh_token_ttl: TimeDelta,
    event_retention: TimeDelta,
    trash_retention: TimeDelta,
    hub: Hub,
    worker_handle: WorkerHandle,
    /// Sends notifications by mail.
    mailer: Option<Mailer>,
    statistics: statistics::Cache,
}

impl Core {
    /// The current moment, and the current day of the actor.
    fn local_now(&self, actor: &Actor) -> LocalNow {
        LocalNow::at(self.clock.now(), actor.time_zone())
    }
}

/// The sources of time and randomness.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The random generator.
    pub randomness: Arc<dyn Randomness>,
}

impl Default for Dependencies {
    fn default() -> Self {
        Self {
            clock: Arc::new(clock::SystemClock),
            randomness: Arc::new(random::SystemRandomness),
        }
    }
}

/// The facade for the APIs. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Domain {
    core: Arc<Core>,
}

impl Domain {
    /// Connects to the database. Fails with a one-line message for the operator.
    pub async fn open(config: &Config, key: &SigningKey, dependencies: Dependencies) -> anyhow::Result<Self> {
        let Config {
            database,
            auth,
            storage,
            mail,
            ..
        } = config;
        let tokens = TokenSigner::new(key, auth.issuer.clone(), auth.audience.clone())?;
        let links = LinkSigner::new(key, config.http.base_url());
        let request_hasher = RequestHasher::new(key);
        let passwords = Passwords::new(auth.password_policy)?;
        let upload_quota = storage.quota;
        let storage = Storage::open(storage)?;
        let bus = Bus::default();
        let mailer = Mailer::open(mail)?;
        let store = Store::open(database, bus.clone(), mailer.is_some()).await?;
        let Dependencies { clock, randomness } = dependencies;
        let access_token_ttl = TimeDelta::from_std(auth.access_token_ttl)?;
        let refresh_token_ttl = TimeDelta::from_std(auth.refresh_token_ttl)?;
        let core = Core {
            store,
            storage,
            upload_quota,
            clock,
            randomness,
            passwords,
            password_turns: Shares::of(1),
            tokens,
            links,
            request_hasher,
            access_token_ttl,
            refresh_token_ttl,
            event_retention: TimeDelta::from_std(database.event_retention)?,
            trash_retention: TimeDelta::from_std(database.trash_retention)?,
            hub: Hub::new(bus),
            worker_handle: WorkerHandle::default(),
            mailer,
            statistics: statistics::Cache::new(database.statistics_cache),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// The use cases of tasks.
    #[must_use]
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(&self.core)
    }

    /// The use cases of files.
    #[must_use]
    pub fn attachments(&self) -> Attachments<'_> {
        Attachments::new(&self.core)
    }

    /// The use cases of users.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users::new(&self.core)
    }

    /// The use cases of sessions.
    #[must_use]
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions::new(&self.core)
    }

    /// The use cases of the event log.
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        Events::new(&self.core)
    }

    /// The use cases of live delivery.
    #[must_use]
    pub fn live(&self) -> Live<'_> {
        Live::new(&self.core)
    }

    /// The use cases of background work.
    #[must_use]
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs::new(&self.core)
    }

    /// The use cases of notifications.
    #[must_use]
    pub fn notifications(&self) -> Notifications<'_> {
        Notifications::new(&self.core)
    }

    /// The use cases of keys that make writes safe to repeat.
    #[must_use]
    pub fn idempotency(&self) -> Idempotency<'_> {
        Idempotency::new(&self.core)
    }

    /// The public keys with which others can check our access tokens.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        self.core.tokens.jwks()
    }

    /// The domain's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.core.clock.as_ref()
    }

    /// Fails if the database does not answer.
    pub async fn ping(&self) -> Result<()> {
        self.core.store.ping().await
    }

    /// Checks the database once a second, for as long as the server runs.
    pub fn watch_database(&self) -> impl Future<Output = ()> + Send + 'static {
        self.core.store.clone().watch()
    }

    /// How long the database has not answered; only valid while it is watched.
    #[must_use]
    pub fn database_silence(&self) -> Duration {
        self.core.store.silence()
    }

    /// Why the database cannot be read or written, in words that are safe for clients; `None` if no problem is known.
    /// Only valid while it is watched.
    #[must_use]
    pub fn database_problem(&self) -> Option<&'static str> {
        self.core.store.problem()
    }

    /// Queries about the database itself.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis<'_> {
        Diagnosis::new(&self.core)
    }

    /// Every migration, oldest first.
    pub async fn migrations(&self) -> Result<Vec<MigrationState>> {
        self.core.store.migrations().await
    }

    /// Number of this version's migrations that are not applied.
    pub async fn pending_migrations(&self) -> Result<usize> {
        self.core.store.pending_migrations().await
    }

    /// Applies pending migrations, at most `steps`.
    pub async fn migrate_up(&self, steps: Option<u32>) -> Result<()> {
        self.core.store.migrate_up(steps).await
    }

    /// Reverts the newest `steps` migrations, or all of them, including their data.
    pub async fn migrate_down(&self, steps: Option<u32>) -> Result<()> {
        self.core.store.migrate_down(steps).await
    }

    /// Drops all tables of Taskwire and creates them again, which deletes all data.
    pub async fn migrate_fresh(&self) -> Result<()> {
        self.core.store.migrate_fresh().await
    }

    /// The state of the connection pools.
    #[must_use]
    pub fn pools(&self) -> Pools {
        self.core.store.pools()
    }

    /// Database metrics for operators.
    pub async fn database_gauges(&self) -> Result<DatabaseGauges> {
        self.core.store.gauges().await
    }

    /// Checks that files can be stored, and returns the free space.
    pub async fn check_storage(&self) -> Result<Room> {
        self.core.storage.check().await
    }

    /// Free bytes on the disk for files; `None` for a bucket.
    #[must_use]
    pub fn free_storage(&self) -> Option<u64> {
        self.core.storage.free_bytes()
    }

    /// Number of passwords that are hashed or wait.
    #[must_use]
    pub fn password_queue(&self) -> usize {
        self.core.passwords.queue()
    }

    /// Number of SQL statements since the start, without BEGIN and COMMIT.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.core.store.statements()
    }

    /// Number of password checks since the start.
    #[must_use]
    pub fn password_checks(&self) -> u64 {
        self.core.passwords.checks()
    }

    /// Closes the database connections. Running requests fail.
    pub async fn close(self) -> Result<()> {
        self.core.store.clone().close().await
    }
}
